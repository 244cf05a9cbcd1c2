import { createComputed, createEffect, createMemo, createSignal, For, on, onCleanup, onMount } from "solid-js";
import { columns, type ListQuery } from "../../agents/list.ts";
import { rescueFocus } from "../../components/focus.ts";
import { Icon } from "../../components/Icon.tsx";
import { useLiveView } from "../../useLive.ts";
import { AgentRow } from "./AgentRow.tsx";
import { columnTitles } from "./columns.ts";
import { sortBy } from "./listQuery.ts";
import { rowAfterKey } from "./rowKeys.ts";
import { useRowWindow } from "./rowWindow.ts";
import type { Selection } from "./selection.ts";
import "./AgentTable.css";

interface AgentTableProps {
  /** The ids, from top to bottom. */
  order: readonly string[];
  query: ListQuery;
  selection: Selection;
  /** Whether the data may be out of date; the colours go. */
  stale: boolean;
  /** The agent whose page is open. */
  openedId: string | undefined;
  onMenu: (open: boolean) => void;
}

/**
 * A table of which only the rows near the window exist, and those about the focus: ten thousand rows would be too much
 * for a browser. It says how many rows there are, and each row which one it is.
 */
export function AgentTable(props: AgentTableProps) {
  const live = useLiveView();
  const hasLabels = createMemo(() => {
    live.changed();
    return live.roster.hasLabels;
  });
  const [body, setBody] = createSignal<HTMLTableSectionElement>();
  const near = useRowWindow(body, () => props.order.length);

  /** The row that has the focus, or that a dialog will give it back to. */
  const [focusedId, setFocusedId] = createSignal<string>();
  const focusedAt = createMemo(() => {
    const id = focusedId();
    return id === undefined ? -1 : props.order.indexOf(id);
  });
  /**
   * The rows that exist, by id, with their places among all rows. The neighbours of the row with the focus are there too:
   * Tab leads to them, also before the page has told that it scrolled.
   */
  const places = createMemo(() => {
    const at = focusedAt();
    const { first, end } = near();
    const rows = new Set(at < 0 ? [] : [at - 1, at, at + 1]);
    for (let place = first; place < end; place++) rows.add(place);
    const fromTheTop = [...rows].sort((a, b) => a - b);
    return new Map(
      fromTheTop.flatMap((place) => {
        const id = props.order[place];
        return id === undefined ? [] : [[id, place]];
      }),
    );
  });
  const ids = createMemo(() => [...places().keys()]);

  const onFocusIn = ({ target }: FocusEvent) => {
    if (!(target instanceof Element) || target.closest("dialog") !== null) return;
    setFocusedId(target.closest<HTMLElement>("[data-id]")?.dataset.id);
  };
  onMount(() => {
    document.addEventListener("focusin", onFocusIn);
    onCleanup(() => document.removeEventListener("focusin", onFocusIn));
  });

  // A browser drops the focus of an element that moves within the page, or leaves it.
  createComputed(
    on(ids, () => {
      const focused = document.activeElement;
      if (!(focused instanceof HTMLElement) || !body()?.contains(focused)) return;
      queueMicrotask(() => {
        if (document.activeElement !== document.body) return;
        if (focused.isConnected) focused.focus({ preventScroll: true });
        else rescueFocus();
      });
    }),
  );

  onCleanup(() => {
    if (body()?.contains(document.activeElement)) queueMicrotask(rescueFocus);
  });

  /** The keys for rows go to the same column of another row. */
  const onKeyDown = (event: KeyboardEvent) => {
    const { target } = event;
    const row = target instanceof Element && !target.closest("[role=menu]") && target.closest<HTMLElement>("[data-id]");
    if (!row) return;
    const { id = "" } = row.dataset;
    const to = rowAfterKey(event, props.order.indexOf(id), props.order.length, row.clientHeight);
    if (to === undefined) return;
    event.preventDefault();
    // Now its row is there.
    setFocusedId(props.order[to]);
    const next = body()?.querySelector(`[aria-rowindex="${to + 2}"]`);
    const column = target.closest("td, th")?.classList[0];
    const same = next?.querySelector<HTMLElement>(`.${column} :is(a, button, input)`);
    (same ?? next?.querySelector("a"))?.focus();
  };

  const allSelected = createMemo(() => {
    const selected = props.selection.ids();
    return selected.size > 0 && props.order.every((id) => selected.has(id));
  });
  const someSelected = () => !allSelected() && props.selection.ids().size > 0;
  return (
    <div class="panel agents-panel">
      <table
        class="agents"
        classList={{ stale: props.stale, labelled: hasLabels() }}
        aria-label="Agents"
        aria-rowcount={props.order.length + 1}
      >
        <thead class="agents-head-rows">
          <tr class="agents-columns" aria-rowindex={1}>
            <td class="agents-select">
              <label class="agents-select-all">
                <input
                  type="checkbox"
                  checked={allSelected()}
                  ref={(box) =>
                    createEffect(() => {
                      box.indeterminate = someSelected();
                    })
                  }
                  onChange={(event) => props.selection.set(event.currentTarget.checked ? props.order : [])}
                />
                <span class="agents-select-words">Select all</span>
              </label>
            </td>
            <For each={columns}>
              {(column) => {
                const isSorted = () => props.query.column === column;
                const sorted = () => (props.query.descending ? "descending" : "ascending");
                return (
                  <th scope="col" class={`agents-${column}`} aria-sort={isSorted() ? sorted() : undefined}>
                    <button
                      class="agents-sort"
                      type="button"
                      onClick={() => sortBy(column, isSorted() && !props.query.descending)}
                    >
                      {columnTitles[column]}
                      <span class="agents-sort-mark" classList={{ shown: isSorted() }}>
                        <Icon name={isSorted() && props.query.descending ? "down" : "up"} />
                      </span>
                    </button>
                  </th>
                );
              }}
            </For>
            <th scope="col" class="agents-labels">
              Labels
            </th>
            <th scope="col" class="agents-actions">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody class="agents-body" ref={setBody} onKeyDown={onKeyDown} style={{ "--agents-rows": props.order.length }}>
          <For each={ids()}>
            {(id) => (
              <AgentRow
                id={id}
                index={places().get(id) ?? 0}
                selection={props.selection}
                filters={props.query.labels}
                stale={props.stale}
                opened={props.openedId === id}
                onMenu={props.onMenu}
              />
            )}
          </For>
        </tbody>
      </table>
    </div>
  );
}
