import { createEffect, createSelector, createSignal, on } from "solid-js";
import { param, setParams } from "../../router.ts";
import type { LiveView } from "../../useLive.ts";

/** The URL keeps a selection of up to so many agents. A longer URL is more than servers and people can handle. */
const mostInUrl = 100;

export interface Selection {
  ids(): ReadonlySet<string>;
  has(id: string): boolean;
  set(ids: Iterable<string>): void;
  /** Selects or deselects an agent, and with `range` all agents between it and the last one that was. */
  toggle(id: string, selected: boolean, range: boolean): void;
}

/** The agents that the operator has marked, in the order of the list. */
export function useSelection(live: LiveView, order: () => readonly string[]): Selection {
  const fromUrl = () => new Set(param("selected").split(",").filter(Boolean));
  const [ids, setIds] = createSignal<ReadonlySet<string>>(fromUrl());
  const has = createSelector<ReadonlySet<string>, string>(ids, (id, set) => set.has(id));
  let last: string | undefined;
  let written = param("selected");

  const set = (next: Iterable<string>) => {
    const selected = new Set(next);
    written = selected.size > mostInUrl ? "" : [...selected].join(",");
    setIds(selected);
    setParams({ selected: written });
  };

  // `back` has changed the URL.
  createEffect(
    on(
      () => param("selected"),
      (text) => {
        if (text === written) return;
        written = text;
        setIds(fromUrl());
      },
      { defer: true },
    ),
  );

  live.subscribe((changes) => {
    const gone = new Set(
      changes.flatMap(({ before, after }) => (after === undefined && before ? [before.agent.id] : [])),
    );
    if ([...gone].some((id) => ids().has(id))) set([...ids()].filter((id) => !gone.has(id)));
  });

  return {
    ids,
    has,
    set,
    toggle: (id, selected, range) => {
      const all = order();
      const [from, to] = [last === undefined ? -1 : all.indexOf(last), all.indexOf(id)].sort((a, b) => a - b);
      const wanted = range && from !== undefined && from >= 0 ? all.slice(from, (to ?? 0) + 1) : [id];
      const next = new Set(ids());
      for (const each of wanted) {
        if (selected) next.add(each);
        else next.delete(each);
      }
      last = id;
      set(next);
    },
  };
}
