import { batch, createContext, createMemo, onCleanup, onMount, useContext } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import type { Agent } from "./agent.ts";
import { listAgents, openFeed } from "./api.ts";
import { noteUse, takeUnattended } from "./attendance.ts";
import { noteManagerTime } from "./clock.ts";
import type { Fact } from "./live/facts.ts";
import { Live, type LiveState } from "./live/live.ts";

/** The agents, and whether they are up to date, for the components. */
export interface LiveView {
  /** Each agent is one object for as long as it exists, and its fields change one by one. */
  agents(): readonly Agent[];
  readonly state: LiveState;
  /** Shows the result of a call at once. A reading that began before it does not undo it. */
  apply(fact: Fact): void;
}

/** Runs the live feed while the component is there. */
export function useLive(onSessionOver: () => void): LiveView {
  const [agents, setAgents] = createStore<Record<string, Agent | undefined>>({});
  const [state, setState] = createStore<LiveState>({ status: "connecting", loaded: false, knownAt: null, error: null });

  let unattended = false;
  const live = new Live({
    openSocket: openFeed,
    readPage: (cursor, signal) => {
      if (cursor === null) unattended = takeUnattended();
      return listAgents(cursor, signal, unattended);
    },
    onAgents: (changes) =>
      batch(() => {
        for (const [id, agent] of changes) setAgents(id, agent === undefined ? undefined : reconcile(agent));
      }),
    onState: (now) => setState(now),
    onManagerTime: noteManagerTime,
    onSessionOver,
  });

  const isVisible = () => document.visibilityState === "visible";
  const onVisibility = () => live.setVisible(isVisible());
  onMount(() => {
    // A person has just opened the page, or logged in.
    noteUse();
    document.addEventListener("visibilitychange", onVisibility);
    live.start(isVisible());
  });
  onCleanup(() => {
    document.removeEventListener("visibilitychange", onVisibility);
    live.stop();
  });

  return {
    agents: createMemo(() => Object.values(agents).filter((agent) => agent !== undefined)),
    state,
    apply: (fact) => live.apply([fact]),
  };
}

export const LiveContext = createContext<LiveView>();

/** Applies the manager's answer to a call about an agent. */
export function useApply(): (fact: Fact) => void {
  const live = useContext(LiveContext);
  if (live === undefined) throw new Error("there is no LiveContext here");
  return live.apply;
}
