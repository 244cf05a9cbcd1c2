import { batch, createContext, createMemo, onCleanup, onMount, useContext } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import type { Agent } from "./agents/agent.ts";
import { listAgents, openFeed } from "./api.ts";
import { noteUse, takeUnattended } from "./attendance.ts";
import { noteManagerTime } from "./clock.ts";
import type { Fact } from "./live/facts.ts";
import { Live, type LiveState } from "./live/live.ts";

/** The agents and how current they are, for the components. */
export interface LiveView {
  /** Each agent is one object for as long as it exists, and its fields change one by one. */
  agents(): readonly Agent[];
  /** One agent; undefined if there is none with that id. */
  agent(id: string): Agent | undefined;
  readonly state: LiveState;
  /** Shows the result of a call at once. A reading that began before it does not undo it. */
  apply(fact: Fact): void;
  /** The session is over. What is shown stays. */
  stop(): void;
  /** There is a session again. */
  restart(): void;
}

/** Runs the live feed while the component is there. */
export function useLive(onSessionOver: () => void): LiveView {
  const [agents, setAgents] = createStore<Record<string, Agent | undefined>>({});
  const [state, setState] = createStore<LiveState>({ status: "connecting", loaded: false, knownAt: null, error: null });

  let unattended = false;
  const begin = () => {
    /** The agents of an earlier session that this one has not told of. */
    const unconfirmed = new Set(Object.keys(agents));
    return new Live({
      openSocket: openFeed,
      readPage: (cursor, signal) => {
        if (cursor === null) unattended = takeUnattended();
        return listAgents(cursor, signal, unattended);
      },
      onAgents: (changes) =>
        batch(() => {
          for (const [id, agent] of changes) {
            unconfirmed.delete(id);
            setAgents(id, agent === undefined ? undefined : reconcile(agent));
          }
        }),
      onState: (now) => {
        setState(now);
        if (!now.loaded) return;
        for (const id of unconfirmed) setAgents(id, undefined);
        unconfirmed.clear();
      },
      onManagerTime: noteManagerTime,
      onSessionOver,
    });
  };
  let live = begin();

  const isVisible = () => document.visibilityState === "visible";
  const onVisibility = () => live.setVisible(isVisible());
  onMount(() => {
    // Somebody has opened the page, or logged in.
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
    agent: (id) => agents[id],
    state,
    apply: (fact) => live.apply([fact]),
    stop: () => live.stop(),
    restart: () => {
      noteUse();
      live.stop();
      live = begin();
      live.start(isVisible());
    },
  };
}

export const LiveContext = createContext<LiveView>();

export function useLiveView(): LiveView {
  const live = useContext(LiveContext);
  if (live === undefined) throw new Error("there is no LiveContext here");
  return live;
}

/** Shows what the manager has answered to a call about an agent. */
export function useApply(): (fact: Fact) => void {
  return useLiveView().apply;
}
