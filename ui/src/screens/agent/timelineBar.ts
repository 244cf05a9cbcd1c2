import { isMeant, type Presence } from "../../agents/presence.ts";
import type { ConnectionEvent } from "./history.ts";

/** A stretch of one state within the bar. Times are Unix milliseconds on the manager's clock. */
export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly presence: Presence;
}

/** `down`: it went away by itself. `away`: somebody meant it so, or the manager did it. */
export type Kind = "up" | "down" | "away";

export function kindOf(presence: Presence): Kind {
  if (presence.status === "online") return "up";
  return isMeant(presence) ? "away" : "down";
}

/** The states of that time from a timeline, newest first; the oldest segment comes first. */
export function segmentsOf(events: readonly ConnectionEvent[], from: number, to: number): Segment[] {
  const segments = events.map((event, at) => ({
    from: Math.max(event.at, from),
    to: Math.min(events[at - 1]?.at ?? to, to),
    presence: event,
  }));
  return segments.filter((segment) => segment.from < segment.to).reverse();
}

/** When the bar's data begin; null if they cover all of it. */
export function beginsAt(segments: readonly Segment[], from: number): number | null {
  const [first] = segments;
  return first === undefined || first.from <= from ? null : first.from;
}

/** How often the agent was in a state of that kind. */
export function countOf(segments: readonly Segment[], kind: Kind): number {
  return segments.filter(({ presence }) => kindOf(presence) === kind).length;
}
