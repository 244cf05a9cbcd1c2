import { createComputed, createMemo, createSignal, For, on } from "solid-js";
import { type Agent, sortAgents } from "../../agents/agent.ts";
import { AgentRow } from "./AgentRow.tsx";
import "./AgentTable.css";

/** All agents, online first, then by name. `stale` removes the colour, because the data may be out of date. */
export function AgentTable(props: { agents: readonly Agent[]; stale: boolean }) {
  let body!: HTMLTableSectionElement;
  const [menuOf, setMenuOf] = createSignal<string>();

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
              <AgentRow agent={agent} stale={props.stale} onMenu={(open) => setMenuOf(open ? agent.id : undefined)} />
            )}
          </For>
        </tbody>
      </table>
    </div>
  );
}
