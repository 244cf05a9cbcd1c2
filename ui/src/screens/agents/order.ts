import { createMemo, createSignal, onCleanup } from "solid-js";
import { AgentList, type ListQuery } from "../../agents/list.ts";
import type { LiveView } from "../../useLive.ts";

/** Rows change places that often at most. What they say changes at once. */
const reorderEveryMs = 1_000;

/** The ids of the agents that the query shows, in its order. While it is held no row moves: somebody is about to choose. */
export function useOrder(live: LiveView, query: () => ListQuery, held: () => boolean): () => readonly string[] {
  const list = createMemo(() => new AgentList(live.roster, query()));
  const [moved, move] = createSignal(undefined, { equals: false });
  let movedAt = Number.NEGATIVE_INFINITY;
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));

  const moveNow = () => {
    clearTimeout(timer);
    timer = undefined;
    movedAt = performance.now();
    move(undefined);
  };

  live.subscribe((changes) => {
    list().apply(changes);
    const wait = movedAt + reorderEveryMs - performance.now();
    // An agent that is new, or gone, is so at once.
    if (wait <= 0 || changes.some(({ before, after }) => before === undefined || after === undefined)) moveNow();
    else timer ??= setTimeout(moveNow, wait);
  });

  return createMemo<readonly string[]>((previous) => {
    moved();
    const { ids } = list();
    return held() ? previous.filter((id) => live.roster.get(id) !== undefined) : ids;
  }, []);
}
