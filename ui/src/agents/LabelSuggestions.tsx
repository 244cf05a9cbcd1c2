import { createMemo, For, untrack } from "solid-js";
import { useLiveView } from "../useLive.ts";
import { countLabels } from "./labelCounts.ts";

/** More suggestions than these are not offered: nobody reads them. */
const most = 50;

interface LabelSuggestionsProps {
  /** The id that the `list` of the field names. */
  id: string;
  typed: string;
  /** Whether keys alone are offered too. */
  withKeys?: boolean;
}

/** The labels that agents have, for a field in which one is typed. They are those of the moment when it was shown. */
export function LabelSuggestions(props: LabelSuggestionsProps) {
  const live = useLiveView();
  const known = createMemo(() => {
    // Before the list is read there is nothing to suggest.
    if (!live.state.loaded) return [];
    const agents = untrack(() => live.roster.byName.map(({ agent }) => agent));
    return [...countLabels(agents)].flatMap(([key, counts]) => {
      const found = counts.map(({ label }) => label);
      return props.withKeys && !found.includes(key) ? [key, ...found] : found;
    });
  });
  const offered = createMemo(() => {
    const typed = props.typed.trim().toLowerCase();
    return known()
      .filter((label) => label.toLowerCase().includes(typed))
      .slice(0, most);
  });
  return (
    <datalist id={props.id}>
      <For each={offered()}>{(label) => <option value={label} />}</For>
    </datalist>
  );
}
