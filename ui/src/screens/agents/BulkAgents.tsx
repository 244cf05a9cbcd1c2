import { For, Show } from "solid-js";
import { AgentName } from "../../agents/AgentName.tsx";
import { formatCount } from "../../components/format.ts";
import type { BulkRun } from "./bulkRun.ts";
import "./BulkAgents.css";

/** More names than this are counted: nobody reads them, and each costs time. */
const mostNames = 200;

/** The agents to which an action is not done yet: those where it failed first, with the reason; and how far it is. */
export function BulkAgents(props: { run: BulkRun; of: number }) {
  const sorted = () => {
    const failed = (id: string) => (props.run.problem(id) === undefined ? 1 : 0);
    return props.run.left().toSorted((a, b) => failed(a.id) - failed(b.id));
  };
  return (
    <>
      {/* Focusable, because the keyboard scrolls only what has the focus. */}
      <section class="bulk-agents" aria-label="Agents" tabindex="0">
        <ul>
          <For each={sorted().slice(0, mostNames)}>
            {(agent) => (
              <li>
                <AgentName agent={agent} />
                <Show when={props.run.problem(agent.id)}>
                  {(words) => <span class="bulk-agents-problem"> · {words()}</span>}
                </Show>
              </li>
            )}
          </For>
          <Show when={sorted().length > mostNames}>
            <li class="muted">and {formatCount(sorted().length - mostNames)} more</li>
          </Show>
        </ul>
      </section>
      <Show when={props.run.isRunning()}>
        <progress
          class="bulk-agents-progress"
          max={props.of}
          value={props.of - props.run.left().length}
          aria-label="Progress"
        />
      </Show>
    </>
  );
}
