import { For, Show } from "solid-js";
import { formatCount } from "../components/format.ts";
import { LabelText } from "./LabelText.tsx";
import type { LabelCount } from "./labelCounts.ts";

/** More values of one key than these are counted: nobody reads them. */
const mostValues = 4;

interface LabelKeyProps {
  key: string;
  /** The labels that agents have with this key. */
  labels: readonly LabelCount[];
  /** The number of agents. */
  of: number;
  /** The label that all of them get. */
  added: string | undefined;
  removed: boolean;
  onRemove: () => void;
  onUndo: () => void;
}

/** The labels with one key in an editor, and what becomes of them. */
export function LabelKey(props: LabelKeyProps) {
  const isChanged = () => props.removed || props.added !== undefined;
  const others = () => props.labels.filter(({ label }) => label !== props.added);
  const share = (count: number) => (count === props.of ? "all" : `${formatCount(count)} of ${formatCount(props.of)}`);

  return (
    <li class="label-editor-key">
      <span class="label-editor-labels">
        <Show when={props.added}>
          {(label) => (
            <ins>
              <LabelText label={label()} />
            </ins>
          )}
        </Show>
        <For each={others().slice(0, mostValues)}>
          {({ label, count }) => (
            <span class="label-editor-label">
              <Show when={isChanged()} fallback={<LabelText label={label} />}>
                <del>
                  <LabelText label={label} />
                </del>
              </Show>
              <Show when={props.of > 1}>
                <span class="detail">{share(count)}</span>
              </Show>
            </span>
          )}
        </For>
        <Show when={others().length > mostValues}>
          <span class="detail">and {formatCount(others().length - mostValues)} more</span>
        </Show>
      </span>
      <Show
        when={isChanged()}
        fallback={
          <button
            class="button quiet"
            type="button"
            aria-label={`Remove ${props.key}`}
            onClick={() => props.onRemove()}
          >
            Remove
          </button>
        }
      >
        <button class="button quiet" type="button" aria-label={`Undo ${props.key}`} onClick={() => props.onUndo()}>
          Undo
        </button>
      </Show>
    </li>
  );
}
