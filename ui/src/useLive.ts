import {
  batch,
  createContext,
  createEffect,
  createSignal,
  onCleanup,
  onMount,
  type Signal,
  useContext,
} from "solid-js";
import { createStore } from "solid-js/store";
import type { Agent } from "./agents/agent.ts";
import { type Change, type Counts, Roster } from "./agents/roster.ts";
import { listAgents, openFeed } from "./api.ts";
import { noteUse, takeUnattended } from "./attendance.ts";
import { noteManagerTime, useManagerClock } from "./clock.ts";
import type { Fact } from "./live/facts.ts";
import type { Changes } from "./live/fleet.ts";
import { initialState, Live, type LiveState } from "./live/live.ts";
import type { Message } from "./live/message.ts";

/** The agents, and whether they are up to date, for the components. */
export interface LiveView {
  readonly state: LiveState;
  /** All agents as they are now. What depends on all of them asks `changed` too. */
  readonly roster: Roster;
  /** Tells of every change of any agent. */
  changed(): void;
  counts(): Counts;
  /** One agent; undefined if there is none with that id. It tells of its changes alone. */
  agent(id: string): Agent | undefined;
  /** Calls back with every change, while the component is there. */
  subscribe(listener: (changes: readonly Change[]) => void): void;
  /** Calls back with all that is published on `fleet.>`, while the component is there. */
  watch(listener: (message: Message) => void): void;
  /** Shows the result of a call at once. A reading that began before it does not undo it. */
  apply(fact: Fact): void;
  /** The session is over. What is shown stays. */
  stop(): void;
  /** There is a session again. */
  restart(): void;
}

/** Runs the live feed while the component is there. */
export function useLive(onSessionOver: () => void): LiveView {
  const roster = new Roster();
  const now = useManagerClock();
  const [state, setState] = createStore<LiveState>({ ...initialState });
  const [counts, setCounts] = createSignal(roster.counts);
  const [changed, tellAll] = createSignal(undefined, { equals: false });
  /** One signal for each agent that a component looks at: there are thousands of which none is on the screen. */
  const watched = new Map<string, Signal<undefined>>();
  const listeners = new Set<(changes: readonly Change[]) => void>();
  const watchers = new Set<(message: Message) => void>();

  const tell = (changes: readonly Change[]) => {
    if (changes.length === 0) return;
    batch(() => {
      for (const { before, after } of changes) {
        const id = (after ?? before)?.agent.id;
        if (id !== undefined) watched.get(id)?.[1](undefined);
      }
      setCounts(roster.counts);
      tellAll(undefined);
      for (const listener of listeners) listener(changes);
    });
  };
  createEffect(() => tell(roster.calmDown(now())));

  let unattended = false;
  const begin = () => {
    /** The agents of an earlier session that this one has not told of. */
    const unconfirmed = new Set(roster.ids());
    return new Live({
      openSocket: openFeed,
      readPage: (cursor, recorded, signal) => {
        if (cursor === null) unattended = takeUnattended();
        return listAgents(cursor, { signal, unattended, recorded });
      },
      onAgents: (changes: Changes) => {
        for (const id of changes.keys()) unconfirmed.delete(id);
        tell(roster.update(changes, now()));
      },
      onPublished: (message) => {
        for (const watcher of watchers) watcher(message);
      },
      onState: (next) => {
        setState(next);
        if (!next.loaded) return;
        tell(roster.update(new Map([...unconfirmed].map((id) => [id, undefined])), now()));
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
    // A person has just opened the page, or logged in.
    noteUse();
    document.addEventListener("visibilitychange", onVisibility);
    live.start(isVisible());
  });
  onCleanup(() => {
    document.removeEventListener("visibilitychange", onVisibility);
    live.stop();
  });

  const watch = (id: string) => {
    const signal = watched.get(id) ?? createSignal<undefined>(undefined, { equals: false });
    watched.set(id, signal);
    signal[0]();
  };

  return {
    state,
    roster,
    changed,
    counts,
    agent: (id) => {
      watch(id);
      return roster.get(id)?.agent;
    },
    subscribe: (listener) => {
      listeners.add(listener);
      onCleanup(() => listeners.delete(listener));
    },
    watch: (listener) => {
      watchers.add(listener);
      live.watch(true);
      onCleanup(() => {
        watchers.delete(listener);
        live.watch(watchers.size > 0);
      });
    },
    apply: (fact) => live.apply([fact]),
    stop: () => live.stop(),
    restart: () => {
      noteUse();
      live.stop();
      live = begin();
      live.watch(watchers.size > 0);
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
