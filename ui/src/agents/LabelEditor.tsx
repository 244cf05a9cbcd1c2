import { createMemo, For, onMount, Show } from "solid-js";
import { formatCount } from "../components/format.ts";
import { LabelField } from "./LabelField.tsx";
import { LabelKey } from "./LabelKey.tsx";
import { splitLabel } from "./label.ts";
import { countLabels } from "./labelCounts.ts";
import type { LabelEdit } from "./labelEdit.ts";
import "./LabelEditor.css";

/** More keys than these are counted: nobody reads them, and each costs time. */
const mostKeys = 50;

interface LabelEditorProps {
  /** The agents, for their labels. */
  agents: readonly { readonly labels: readonly string[] }[];
  edit: LabelEdit;
}

/** A field for more labels, the labels that one or several agents have, and what becomes of them. */
export function LabelEditor(props: LabelEditorProps) {
  let field!: HTMLInputElement;
  onMount(() => field.focus());

  const present = createMemo(() => countLabels(props.agents));
  const added = createMemo(() => new Map(props.edit.change().add.map((label) => [splitLabel(label).key, label])));
  // A new key comes first, where it is seen. The others keep their places.
  const keys = createMemo(() => [
    ...new Set([...[...added().keys()].filter((key) => !present().has(key)), ...present().keys()]),
  ]);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    props.edit.addTyped();
    field.focus();
  };
  /** The button that had the focus is another one now. */
  const then = (change: (key: string) => void, key: string) => {
    change(key);
    field.focus();
  };

  return (
    <>
      <form class="field label-editor" onSubmit={submit}>
        <LabelField
          title="Add a label"
          hint="a key, or key=value"
          typed={props.edit.typed()}
          onType={props.edit.type}
          fault={props.edit.fault()}
          ref={(element) => {
            field = element;
          }}
          button={
            <button class="button" type="submit">
              Add
            </button>
          }
        />
      </form>
      {/* Focusable, because the keyboard scrolls only what has the focus. */}
      <section class="label-editor-keys" aria-label="Labels" tabindex="0">
        <Show when={keys().length > 0} fallback={<p class="muted label-editor-none">No labels yet.</p>}>
          <ul>
            <For each={keys().slice(0, mostKeys)}>
              {(key) => (
                <LabelKey
                  key={key}
                  labels={present().get(key) ?? []}
                  of={props.agents.length}
                  added={added().get(key)}
                  removed={props.edit.change().remove.includes(key)}
                  onRemove={() => then(props.edit.remove, key)}
                  onUndo={() => then(props.edit.undo, key)}
                />
              )}
            </For>
          </ul>
        </Show>
        <Show when={keys().length > mostKeys}>
          <p class="muted label-editor-none">and {formatCount(keys().length - mostKeys)} more keys</p>
        </Show>
      </section>
    </>
  );
}
