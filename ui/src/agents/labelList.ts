import { createSignal } from "solid-js";
import { filterWords, normalLabel, splitLabel } from "./label.ts";
import { labelFault, mostLabels } from "./labelRules.ts";

/** What a list is of. */
export interface LabelKind {
  /** How an item is kept. */
  readonly normal: (typed: string) => string;
  /** Whether a new item takes the place of another. */
  readonly replaces: (item: string, other: string) => boolean;
  /** An item as an operator reads it. */
  readonly words: (item: string) => string;
  /** Whether a key alone is something else than a label. */
  readonly keysStandForAll: boolean;
}

export const labels: LabelKind = {
  normal: normalLabel,
  replaces: (a, b) => splitLabel(a).key === splitLabel(b).key,
  words: (label) => label,
  keysStandForAll: false,
};

export const labelFilters: LabelKind = {
  normal: (filter) => filter,
  replaces: (a, b) => a === b,
  words: filterWords,
  keysStandForAll: true,
};

/** Labels or label filters that an operator types one by one, and the one that is being typed. */
export function useLabelList(kind: LabelKind, initial: readonly string[] = []) {
  const [items, setItems] = createSignal(initial);
  const [typed, setTyped] = createSignal("");
  const [fault, setFault] = createSignal<string>();

  return {
    kind,
    items,
    typed,
    fault,
    set: (all: readonly string[]) => {
      setItems(all);
      setTyped("");
      setFault(undefined);
    },
    type: (text: string) => {
      setTyped(text);
      setFault(undefined);
    },
    /** Takes over what is typed, if it is something. False if it has a fault, which is then shown. */
    addTyped: (): boolean => {
      const text = typed().trim();
      if (text === "") return true;
      const item = kind.normal(text);
      const others = items().filter((other) => !kind.replaces(item, other));
      const found =
        labelFault(text) ?? (others.length < mostLabels ? undefined : `At most ${mostLabels} are possible.`);
      setFault(found);
      if (found !== undefined) return false;
      setItems([...others, item]);
      setTyped("");
      return true;
    },
    remove: (item: string) => setItems(items().filter((other) => other !== item)),
  };
}

export type LabelListState = ReturnType<typeof useLabelList>;
