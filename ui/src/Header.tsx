import { useMutation } from "@tanstack/solid-query";
import { Show } from "solid-js";
import { type Agent, isOnline } from "./agent.ts";
import { logOut } from "./api.ts";
import { Logo } from "./Logo.tsx";
import "./Header.css";

/**
 * Product name, the number of agents online, log-out. `agents` is undefined until the manager has answered once;
 * `stale` fades the number, which may be out of date.
 */
export function Header(props: { agents: readonly Agent[] | undefined; stale: boolean; onLoggedOut: () => void }) {
  const leaving = useMutation(() => ({ mutationFn: logOut, onSuccess: () => props.onLoggedOut() }));

  const count = (agents: readonly Agent[]) =>
    `${agents.filter(isOnline).length} online / ${agents.length} ${agents.length === 1 ? "agent" : "agents"}`;

  return (
    <header class="header">
      <div class="header-inner">
        <Logo />
        <Show when={props.agents}>
          {(agents) => (
            <p class="header-count" classList={{ stale: props.stale }}>
              {count(agents())}
            </p>
          )}
        </Show>
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
