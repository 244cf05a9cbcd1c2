import { createSignal } from "solid-js";
import { normalLabel, splitLabel } from "./label.ts";
import type { LabelChange } from "./labelChange.ts";
import { labelFault } from "./labelRules.ts";

/** What an operator is about to change, and the label that is being typed. */
export function useLabelEdit() {
  const [change, setChange] = createSignal<LabelChange>({ add: [], remove: [] });
  const [typed, setTyped] = createSignal("");
  const [fault, setFault] = createSignal<string>();

  const without = (key: string): LabelChange => ({
    add: change().add.filter((label) => splitLabel(label).key !== key),
    remove: change().remove.filter((removed) => removed !== key),
  });

  return {
    change,
    isEmpty: () => change().add.length + change().remove.length === 0,
    typed,
    fault,
    type: (text: string) => {
      setTyped(text);
      setFault(undefined);
    },
    /** Takes over the label that is typed, if there is one. False if it has a fault, which is then shown. */
    addTyped: (): boolean => {
      const label = typed().trim();
      if (label === "") return true;
      const found = labelFault(label);
      setFault(found ?? undefined);
      if (found !== null) return false;
      const { add, remove } = without(splitLabel(label).key);
      setChange({ add: [...add, normalLabel(label)], remove });
      setTyped("");
      return true;
    },
    remove: (key: string) => {
      const { add, remove } = without(key);
      setChange({ add, remove: [...remove, key] });
    },
    /** Leaves the labels with that key as they are. */
    undo: (key: string) => setChange(without(key)),
  };
}

export type LabelEdit = ReturnType<typeof useLabelEdit>;
