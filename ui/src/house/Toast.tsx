import { createEffect, createSignal, onCleanup, Show } from "solid-js";
import { type Agent, isOnline } from "../agents/agent.ts";
import "./Toast.css";

const showForMs = 6_000;

/** Of the agents that have ever connected: whether they were online. */
type Seen = ReadonlyMap<string, boolean>;

/** The online agents to announce: all of them if none was online before, else only those that had never connected. */
function arrivals(before: Seen, agents: readonly Agent[]): Agent[] {
  const online = agents.filter(isOnline);
  const noneWasOnline = ![...before.values()].includes(true);
  return noneWasOnline ? online : online.filter((agent) => !before.has(agent.id));
}

/** Announces new agents. `agents` is undefined until the manager has answered once; the first answer announces none. */
export function Toast(props: { agents: readonly Agent[] | undefined }) {
  const [message, setMessage] = createSignal<string>();
  /** The names in the present announcement, by id. */
  const announced = new Map<string, string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));

  createEffect<Seen | undefined>((before) => {
    const agents = props.agents;
    if (!agents) return before;
    const arrived = before ? arrivals(before, agents) : [];
    if (arrived.length > 0) {
      for (const { id, name } of arrived) announced.set(id, name);
      const [first] = announced.values();
      setMessage(announced.size === 1 ? first : `${first} and ${announced.size - 1} more`);
      clearTimeout(timer);
      timer = setTimeout(() => {
        announced.clear();
        setMessage(undefined);
      }, showForMs);
    }
    const connected = agents.filter(({ reason }) => reason !== "never_connected");
    return new Map(connected.map((agent) => [agent.id, isOnline(agent)]));
  });

  return (
    <div class="toasts" role="status">
      <Show when={message()}>
        {(who) => (
          <p class="toast">
            <strong>Agent online ✓</strong>
            <bdi class="cut" title={who()}>
              {who()}
            </bdi>
          </p>
        )}
      </Show>
    </div>
  );
}
