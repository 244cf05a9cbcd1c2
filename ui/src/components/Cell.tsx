import type { ParentProps } from "solid-js";

interface CellProps {
  /** The column, which a card names beside the value. Without it the cell is a line of its own there. */
  label?: string;
}

/** A cell of a `Table`. */
export function Cell(props: ParentProps<CellProps>) {
  return (
    <td classList={{ "table-whole": props.label === undefined }}>
      {props.label === undefined ? null : (
        <span class="table-label" aria-hidden="true">
          {props.label}
        </span>
      )}
      <div class="table-value">{props.children}</div>
    </td>
  );
}
