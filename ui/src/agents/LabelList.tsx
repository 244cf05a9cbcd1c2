import { For, Show } from "solid-js";
import { RemovableChip } from "../components/RemovableChip.tsx";
import { LabelField } from "./LabelField.tsx";
import type { LabelListState } from "./labelList.ts";
import "./LabelList.css";

interface LabelListProps {
  title: string;
  /** What the list does, in brackets. */
  hint: string;
  list: LabelListState;
}

/** A field of a form for labels or label filters, and those that were added. Enter adds what is typed. */
export function LabelList(props: LabelListProps) {
  let field!: HTMLInputElement;

  const add = () => {
    props.list.addTyped();
    field.focus();
  };
  const remove = (item: string) => {
    props.list.remove(item);
    field.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || props.list.typed().trim() === "") return;
    // Enter in an empty field submits the form.
    event.preventDefault();
    add();
  };

  return (
    <div class="field label-list-form">
      <LabelField
        title={props.title}
        hint={props.hint}
        typed={props.list.typed()}
        onType={props.list.type}
        withKeys={props.list.kind.keysStandForAll}
        fault={props.list.fault()}
        onKeyDown={onKeyDown}
        ref={(element) => {
          field = element;
        }}
        button={
          <button class="button" type="button" aria-label="Add the label" onClick={add}>
            Add
          </button>
        }
      >
        <Show when={props.list.items().length > 0}>
          <ul class="label-list" aria-label={props.title}>
            <For each={props.list.items()}>
              {(item) => (
                <li>
                  <RemovableChip
                    text={props.list.kind.words(item)}
                    removes={props.list.kind.words(item)}
                    onRemove={() => remove(item)}
                  />
                </li>
              )}
            </For>
          </ul>
        </Show>
      </LabelField>
    </div>
  );
}
