import { useMutation } from "@tanstack/solid-query";
import { Show } from "solid-js";
import { type Agent, isOnline } from "./agent.ts";
import { logOut } from "./api.ts";
import { Logo } from "./Logo.tsx";
import "./Header.css";

/** Product name, how many are online, log-out. `agents` is undefined until the manager has answered once. */
export function Header(props: { agents: readonly Agent[] | undefined; onLoggedOut: () => void }) {
  const leaving = useMutation(() => ({ mutationFn: logOut, onSuccess: () => props.onLoggedOut() }));

  const count = (agents: readonly Agent[]) =>
    `${agents.filter(isOnline).length} online / ${agents.length} ${agents.length === 1 ? "agent" : "agents"}`;

  return (
    <header class="header">
      <div class="header-inner">
        <Logo />
        <Show when={props.agents}>{(agents) => <p class="header-count">{count(agents())}</p>}</Show>
        <div class="header-end">
          {/* The cookie still opens the dashboard, so the operator must know. */}
          <p class="problem" role="alert">
            {leaving.isError ? "Not logged out: the manager did not confirm it." : ""}
          </p>
          <button class="button quiet" type="button" disabled={leaving.isPending} onClick={() => leaving.mutate()}>
            Log out
          </button>
        </div>
      </div>
    </header>
  );
}
