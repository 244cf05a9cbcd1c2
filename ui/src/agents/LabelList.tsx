import { createUniqueId, For, Show } from "solid-js";
import { Icon } from "../components/Icon.tsx";
import { LabelSuggestions } from "./LabelSuggestions.tsx";
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
  const id = createUniqueId();

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
    <div class="field">
      <label for={id}>
        {props.title} <span class="muted">({props.hint})</span>
      </label>
      <div class="label-list-field">
        <input
          id={id}
          ref={field}
          type="text"
          dir="auto"
          list={`${id}-known`}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          placeholder="env=prod"
          value={props.list.typed()}
          onInput={(event) => props.list.type(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          aria-invalid={props.list.fault() !== undefined}
          aria-describedby={`${id}-problem`}
        />
        <LabelSuggestions id={`${id}-known`} typed={props.list.typed()} withKeys={props.list.kind.keysStandForAll} />
        <button class="button" type="button" aria-label="Add the label" onClick={add}>
          Add
        </button>
      </div>
      <Show when={props.list.items().length > 0}>
        <ul class="label-list" aria-label={props.title}>
          <For each={props.list.items()}>
            {(item) => (
              <li>
                <button
                  class="label-list-item"
                  type="button"
                  aria-label={`Remove ${props.list.kind.words(item)}`}
                  onClick={() => remove(item)}
                >
                  <bdi class="cut">{props.list.kind.words(item)}</bdi>
                  <Icon name="close" />
                </button>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <p class="label-list-problem problem" id={`${id}-problem`} role="alert">
        {props.list.fault()}
      </p>
    </div>
  );
}
