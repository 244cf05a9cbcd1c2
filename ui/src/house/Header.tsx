import { useMutation } from "@tanstack/solid-query";
import { For, Show } from "solid-js";
import { logOut } from "../api.ts";
import { formatCount } from "../components/format.ts";
import { Logo } from "../components/Logo.tsx";
import { useLiveView } from "../useLive.ts";
import { type Screen, screens } from "./screens.tsx";
import "./Header.css";

interface HeaderProps {
  /** Whether the numbers may be out of date. */
  stale: boolean;
  screen: Screen | undefined;
  onLoggedOut: () => void;
}

/** Product name, the number of agents online, the screens, log-out. */
export function Header(props: HeaderProps) {
  const leaving = useMutation(() => ({ mutationFn: logOut, onSuccess: () => props.onLoggedOut() }));

  const live = useLiveView();
  const count = () => {
    const { all, online } = live.counts();
    return `${formatCount(online)} online / ${formatCount(all)} ${all === 1 ? "agent" : "agents"}`;
  };

  return (
    <header class="header">
      <div class="header-inner">
        <Logo />
        {/* While the first reading has some pages and not all, the numbers are not known yet. */}
        <Show when={live.state.loaded}>
          <p class="header-count">
            <Show when={props.stale}>was </Show>
            <span classList={{ stale: props.stale }}>{count()}</span>
          </p>
        </Show>
        <nav class="header-nav" aria-label="Screens">
          <For each={screens}>
            {(screen) => (
              <a class="header-link" href={screen.path} aria-current={props.screen === screen ? "page" : undefined}>
                {screen.title}
              </a>
            )}
          </For>
        </nav>
        <button
          class="button quiet header-leave"
          type="button"
          disabled={leaving.isPending}
          onClick={() => leaving.mutate()}
        >
          Log out
        </button>
      </div>
      {/* The session may still be valid, so the operator must know. */}
      <p class="header-problem" role="alert">
        {leaving.isError ? "You are still logged in: the manager did not confirm the log-out." : ""}
      </p>
    </header>
  );
}
