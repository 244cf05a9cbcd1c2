import { createComputed, createMemo, createSignal, For, on, Show } from "solid-js";
import { AgentHistory } from "./AgentHistory.tsx";
import { AgentRow } from "./AgentRow.tsx";
import { type Agent, sortAgents } from "./agent.ts";
import type { Clone } from "./clone.ts";
import { RemoveAgent } from "./RemoveAgent.tsx";
import { RenameAgent } from "./RenameAgent.tsx";
import { RevokeAgent } from "./RevokeAgent.tsx";
import { RotateToken } from "./RotateToken.tsx";
import { SeparateClone } from "./SeparateClone.tsx";
import "./AgentTable.css";

/** All agents, online first, then by name. `stale` removes the colour, because the data may be out of date. */
export function AgentTable(props: { agents: readonly Agent[]; stale: boolean }) {
  let body!: HTMLTableSectionElement;
  const [menuOf, setMenuOf] = createSignal<string>();
  const [historyOf, setHistoryOf] = createSignal<Agent>();
  const [renaming, setRenaming] = createSignal<Agent>();
  const [rotating, setRotating] = createSignal<Agent>();
  const [separating, setSeparating] = createSignal<{ agent: Agent; clone: Clone }>();
  const [revoking, setRevoking] = createSignal<Agent>();
  const [removing, setRemoving] = createSignal<Agent>();

  const menuIsOpen = createMemo(() => props.agents.some((agent) => agent.id === menuOf()));

  // While a menu is open no row moves: the operator is about to choose an item.
  const ordered = createMemo<readonly Agent[]>((previous) => {
    if (!menuIsOpen()) return sortAgents(props.agents);
    const current = new Set(props.agents);
    const known = new Set(previous);
    return [...previous.filter((agent) => current.has(agent)), ...props.agents.filter((agent) => !known.has(agent))];
  }, []);

  // A browser drops the focus of an element that moves within the page.
  createComputed(
    on(ordered, () => {
      const focused = document.activeElement;
      if (!(focused instanceof HTMLElement) || !body?.contains(focused)) return;
      queueMicrotask(() => {
        if (focused.isConnected && document.activeElement === document.body) focused.focus({ preventScroll: true });
      });
    }),
  );

  return (
    <>
      <div class="panel">
        <table class="agents" classList={{ stale: props.stale }} aria-label="Agents">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Status</th>
              <th scope="col">Last seen</th>
              <th scope="col">Version</th>
              <th scope="col">Platform</th>
              <th scope="col">Address</th>
              <th scope="col">
                <span class="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody ref={body}>
            <For each={ordered()}>
              {(agent) => (
                <AgentRow
                  agent={agent}
                  stale={props.stale}
                  menuOpen={menuOf() === agent.id}
                  onMenu={(open) => setMenuOf(open ? agent.id : undefined)}
                  onHistory={() => setHistoryOf(agent)}
                  onRename={() => setRenaming({ ...agent })}
                  onRotate={() => setRotating({ ...agent })}
                  onSeparate={(clone) => setSeparating({ agent: { ...agent }, clone: { ...clone } })}
                  onRevoke={() => setRevoking({ ...agent })}
                  onRemove={() => setRemoving({ ...agent })}
                />
              )}
            </For>
          </tbody>
        </table>
      </div>
      {/* The history gets the live agent, so it shows changes. The other dialogs get a copy. */}
      <Show when={historyOf()} keyed>
        {(agent) => <AgentHistory agent={agent} onClose={() => setHistoryOf(undefined)} />}
      </Show>
      <Show when={renaming()} keyed>
        {(agent) => <RenameAgent agent={agent} onClose={() => setRenaming(undefined)} />}
      </Show>
      <Show when={rotating()} keyed>
        {(agent) => <RotateToken agent={agent} onClose={() => setRotating(undefined)} />}
      </Show>
      <Show when={separating()} keyed>
        {({ agent, clone }) => <SeparateClone agent={agent} clone={clone} onClose={() => setSeparating(undefined)} />}
      </Show>
      <Show when={revoking()} keyed>
        {(agent) => <RevokeAgent agent={agent} onClose={() => setRevoking(undefined)} />}
      </Show>
      <Show when={removing()} keyed>
        {(agent) => <RemoveAgent agent={agent} onClose={() => setRemoving(undefined)} />}
      </Show>
    </>
  );
}
