import { For, Show } from "solid-js";
import { labelFilter } from "../../agents/label.ts";
import { Menu } from "../../components/Menu.tsx";
import { toggleFilter } from "./listQuery.ts";
import "./RowLabels.css";

/** There is room for so many, whatever they say. */
const mostShown = 2;

interface RowLabelsProps {
  labels: readonly string[];
  /** The label filters of the list. */
  filters: readonly string[];
  /** The agent's name. */
  of: string;
  onMenu: (open: boolean) => void;
}

/** The labels of a row. Each is a filter; those without room are in a menu. */
export function RowLabels(props: RowLabelsProps) {
  const toggle = (label: string) => toggleFilter(labelFilter(label), props.filters);
  const more = () => props.labels.slice(mostShown);
  return (
    <div class="row-labels">
      <For each={props.labels.slice(0, mostShown)}>
        {(label) => (
          <button
            class="row-labels-label cut"
            type="button"
            title={`Filter by ${label}`}
            aria-pressed={props.filters.includes(labelFilter(label))}
            onClick={() => toggle(label)}
          >
            <bdi>{label}</bdi>
          </button>
        )}
      </For>
      <Show when={more().length > 0}>
        <Menu
          label={`${more().length} more labels of ${props.of}`}
          items={() => more().map((label) => ({ words: label, act: () => toggle(label) }))}
          onOpen={props.onMenu}
        >
          +{more().length}
        </Menu>
      </Show>
    </div>
  );
}
