import { For, type ParentProps } from "solid-js";
import "./Table.css";

interface TableProps {
  label: string;
  columns: readonly string[];
}

/** A table of rows with `Cell`s. On a narrow window every row is a card. The browser sizes the columns. */
export function Table(props: ParentProps<TableProps>) {
  return (
    <div class="panel">
      <table class="table" aria-label={props.label}>
        <thead>
          <tr>
            <For each={props.columns}>{(column) => <th scope="col">{column}</th>}</For>
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}
