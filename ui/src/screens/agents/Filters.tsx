import { For, Show } from "solid-js";
import { filterWords } from "../../agents/label.ts";
import { columns, type Group, groups, type ListQuery } from "../../agents/list.ts";
import { rescueFocus } from "../../components/focus.ts";
import { formatCount } from "../../components/format.ts";
import { Icon } from "../../components/Icon.tsx";
import { useIsNarrow } from "../../components/narrow.ts";
import { RemovableChip } from "../../components/RemovableChip.tsx";
import { useLiveView } from "../../useLive.ts";
import { columnTitles } from "./columns.ts";
import { changeQuery, sortBy, toggleFilter } from "./listQuery.ts";
import "./Filters.css";

const groupTitles: Readonly<Record<Group, string>> = {
  all: "All",
  trouble: "Trouble",
  online: "Online",
  offline: "Offline",
};

/** With fewer agents than this, the operator needs no search. */
const searchFrom = 6;

/** How many agents there are of each kind, each a filter; the labels that are filtered by; the search; and the order, where the table has no head. */
export function Filters(props: { query: ListQuery }) {
  const { counts } = useLiveView();
  const isNarrow = useIsNarrow();

  const removeLabel = (filter: string) => {
    toggleFilter(filter, props.query.labels);
    queueMicrotask(rescueFocus);
  };

  return (
    <search class="filters" aria-label="Agents">
      <fieldset class="filters-groups" aria-label="Show">
        <For each={groups}>
          {(group) => (
            <button
              class="filters-group"
              classList={{ trouble: group === "trouble" && counts().trouble > 0 }}
              type="button"
              aria-pressed={props.query.group === group}
              onClick={() => changeQuery({ group })}
            >
              {groupTitles[group]} <span class="filters-count">{formatCount(counts()[group])}</span>
            </button>
          )}
        </For>
      </fieldset>
      <Show when={props.query.labels.length > 0}>
        <fieldset class="filters-labels" aria-label="Labels">
          <For each={props.query.labels}>
            {(filter) => (
              <RemovableChip
                text={filterWords(filter)}
                removes={`the filter ${filterWords(filter)}`}
                onRemove={() => removeLabel(filter)}
              />
            )}
          </For>
        </fieldset>
      </Show>
      <Show when={counts().all >= searchFrom || props.query.words !== ""}>
        <input
          class="filter filters-search"
          type="search"
          aria-label="Search agents"
          placeholder="Name, label, host, address, id"
          autocomplete="off"
          spellcheck={false}
          value={props.query.words}
          onInput={(event) => changeQuery({ words: event.currentTarget.value })}
        />
      </Show>
      <Show when={isNarrow() && counts().all > 1}>
        <select
          class="filter filters-sort"
          aria-label="Sort by"
          onChange={(event) => {
            const column = columns.find((known) => known === event.currentTarget.value);
            if (column !== undefined) sortBy(column, column === "seen");
          }}
        >
          <For each={columns}>
            {(column) => (
              <option value={column} selected={props.query.column === column}>
                {columnTitles[column]}
              </option>
            )}
          </For>
        </select>
        <button
          class="button filters-direction"
          type="button"
          aria-label={props.query.descending ? "Descending order" : "Ascending order"}
          onClick={() => sortBy(props.query.column, !props.query.descending)}
        >
          <Icon name={props.query.descending ? "down" : "up"} />
        </button>
      </Show>
    </search>
  );
}
