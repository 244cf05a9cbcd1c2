import { createSignal, For, onCleanup, Show } from "solid-js";
import { AgentName } from "../../agents/AgentName.tsx";
import { type Agent, isRevoked } from "../../agents/agent.ts";
import { actOnAll, type BulkAction } from "../../agents/bulk.ts";
import { readableName } from "../../agents/name.ts";
import { ConfirmDialog } from "../../components/ConfirmDialog.tsx";
import { formatCount } from "../../components/format.ts";
import { useLiveView } from "../../useLive.ts";
import type { Selection } from "./selection.ts";
import "./BulkDialog.css";

/** More names than this are counted: nobody reads them, and each costs time. */
const mostNames = 200;

const words = {
  revoke: {
    verb: "Revoke",
    done: "revoked",
    effect: "They are disconnected at once, and their tokens are void for good. Their records stay in the list.",
  },
  remove: {
    verb: "Remove",
    done: "removed",
    effect: "They are disconnected and forgotten at once, and their tokens stop working.",
  },
} as const;

const agents = (count: number) => `${formatCount(count)} ${count === 1 ? "agent" : "agents"}`;

/** Asks once for all selected agents, names them, and shows how far it is. Those that succeed are deselected. */
export default function BulkDialog(props: { action: BulkAction; selection: Selection; onClose: () => void }) {
  const live = useLiveView();
  const stopped = new AbortController();
  onCleanup(() => stopped.abort());

  // As it was when the operator asked: what the dialog lists is what it does.
  const chosen: readonly Agent[] = [...props.selection.ids()]
    .flatMap((id) => live.roster.get(id)?.agent ?? [])
    .filter((agent) => props.action === "remove" || !isRevoked(agent));
  const [left, setLeft] = createSignal(chosen);
  const [failures, setFailures] = createSignal<readonly { agent: Agent; error: Error }[]>([]);
  const [isRunning, setRunning] = createSignal(false);
  const text = () => words[props.action];

  const act = async () => {
    const todo = left();
    setFailures([]);
    setRunning(true);
    try {
      await actOnAll(
        props.action,
        todo.map(({ id }) => id),
        stopped.signal,
        (outcome) => {
          if ("error" in outcome) {
            const agent = todo.find(({ id }) => id === outcome.id);
            if (agent !== undefined) setFailures((before) => [...before, { agent, error: outcome.error }]);
            return;
          }
          live.apply(outcome.fact);
          setLeft((before) => before.filter(({ id }) => id !== outcome.id));
          props.selection.set([...props.selection.ids()].filter((id) => id !== outcome.id));
        },
      );
    } finally {
      setRunning(false);
    }
    if (failures().length > 0) throw new Error(`${agents(failures().length)} could not be ${text().done}.`);
  };

  return (
    <ConfirmDialog
      title={`${text().verb} ${agents(chosen.length)}?`}
      action={`${text().verb} ${agents(left().length)}`}
      danger
      act={act}
      onClose={props.onClose}
    >
      <p>{text().effect} To bring a host back, start its agent with a new enrolment token.</p>
      {/* Focusable, because the keyboard scrolls only what has the focus. */}
      <section class="bulk-names" aria-label="Agents" tabindex="0">
        <ul>
          <For each={left().slice(0, mostNames)}>
            {(agent) => (
              <li>
                <AgentName agent={agent} />
              </li>
            )}
          </For>
          <Show when={left().length > mostNames}>
            <li class="muted">and {formatCount(left().length - mostNames)} more</li>
          </Show>
        </ul>
      </section>
      <Show when={isRunning()}>
        <progress
          class="bulk-progress"
          max={chosen.length}
          value={chosen.length - left().length}
          aria-label="Progress"
        />
      </Show>
      <For each={failures().slice(0, 3)}>
        {({ agent, error }) => (
          <p class="detail">
            <bdi>{readableName(agent)}</bdi>: {error.message}
          </p>
        )}
      </For>
    </ConfirmDialog>
  );
}
