import { onMount } from "solid-js";

/** Shown instead of what failed: what happened, and what the operator can do. */
export function Crash(props: { error: unknown }) {
  const message = () => (props.error instanceof Error ? props.error.message : String(props.error));
  onMount(() => console.error(props.error));

  return (
    <section class="panel message" role="alert">
      <h1 tabindex="-1">This page has stopped</h1>
      <p>Reload it. The agents are not affected.</p>
      <p class="muted">
        If it stops again, report these words: <code>{message()}</code>
      </p>
      <button class="button primary" type="button" onClick={() => location.reload()}>
        Reload
      </button>
    </section>
  );
}
