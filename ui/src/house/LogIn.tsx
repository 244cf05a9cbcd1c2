import { useMutation } from "@tanstack/solid-query";
import { createSignal, onCleanup, onMount, Show } from "solid-js";
import { ApiError, logIn } from "../api.ts";
import { useClock } from "../clock.ts";
import { rescueFocus } from "../components/focus.ts";
import { Logo } from "../components/Logo.tsx";
import "./LogIn.css";

/** The page before the first log-in. */
export function LogIn(props: { onLoggedIn: () => void }) {
  return (
    <main class="log-in">
      <LogInForm words="With the manager’s admin password." onLoggedIn={props.onLoggedIn} />
    </main>
  );
}

/** The log-in over a page whose session is over. What was typed there is still there afterwards. */
export function LogInAgain(props: { onLoggedIn: () => void }) {
  let dialog!: HTMLDialogElement;
  onMount(() => dialog.showModal());
  onCleanup(() => {
    dialog.close();
    queueMicrotask(rescueFocus);
  });
  return (
    <dialog
      class="log-in-again"
      aria-label="The session is over"
      ref={dialog}
      onCancel={(event) => event.preventDefault()}
    >
      <LogInForm words="The session is over. The page is kept as it is." onLoggedIn={props.onLoggedIn} />
    </dialog>
  );
}

/** The only user is `admin`, so it asks for the password alone. */
function LogInForm(props: { words: string; onLoggedIn: () => void }) {
  let password!: HTMLInputElement;
  const now = useClock();
  const [retryAt, setRetryAt] = createSignal(0);
  const mustWait = () => retryAt() > now();
  const secondsToWait = () => Math.max(1, Math.floor((retryAt() - now()) / 1_000));

  const attempt = useMutation(() => ({
    mutationFn: logIn,
    onSuccess: () => props.onLoggedIn(),
    onError: (error) => {
      if (error instanceof ApiError && error.retryAfterSeconds !== null) {
        setRetryAt(Date.now() + error.retryAfterSeconds * 1_000);
      }
      password.select();
    },
  }));

  const problem = () => {
    const error = attempt.error;
    if (!error) return null;
    if (!(error instanceof ApiError)) return "Something went wrong. Try again.";
    if (error.code === "wrong_password") return "Wrong password.";
    if (error.status === 429) return "Too many attempts.";
    return error.message;
  };

  onMount(() => password.focus());

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (password.value !== "" && !attempt.isPending && !mustWait()) attempt.mutate(password.value);
  };

  return (
    <form class="log-in-card" onSubmit={submit} aria-label="Log in">
      <Logo />
      <div>
        <h1 class="log-in-title">Log in</h1>
        <p class="muted">{props.words}</p>
      </div>
      {/* Not shown, but it tells password managers whose password this is. */}
      <input type="text" name="username" autocomplete="username" value="admin" readonly hidden />
      <div class="field">
        <label for="password">Password</label>
        <input
          id="password"
          ref={password}
          type="password"
          name="password"
          autocomplete="current-password"
          required
          aria-invalid={problem() !== null}
          aria-describedby="log-in-problem"
        />
        <p class="problem" id="log-in-problem" role="alert">
          {problem()}
        </p>
      </div>
      <button class="button primary" type="submit" disabled={attempt.isPending || mustWait()}>
        <Show when={mustWait()} fallback={attempt.isPending ? "Logging in…" : "Log in"}>
          Try again in {secondsToWait()} s
        </Show>
      </button>
    </form>
  );
}
