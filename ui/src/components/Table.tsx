import { For, type ParentProps, Show } from "solid-js";
import "./Table.css";

interface TableProps {
  label: string;
  columns: readonly string[];
  /** There is one column more, for what can be done with a row. */
  actions?: boolean;
}

/** A table of rows with `Cell`s. On a narrow window every row is a card. The browser sizes the columns. */
export function Table(props: ParentProps<TableProps>) {
  return (
    <div class="panel">
      <table class="table" aria-label={props.label}>
        <thead>
          <tr>
            <For each={props.columns}>{(column) => <th scope="col">{column}</th>}</For>
            <Show when={props.actions}>
              <th scope="col">
                <span class="visually-hidden">Actions</span>
              </th>
            </Show>
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}
