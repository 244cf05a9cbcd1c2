/** Computes from an agent's transitions: its timeline, its uptime, and whether it flaps. All functions are pure. */
import { type OfflineReason, type Presence, supersedes } from "./presence.ts";

/** How many transitions of an agent the registry keeps, and for how long (ms). */
export const KEPT = { transitions: 200, ms: 30 * 24 * 3_600_000 } as const;

/** An agent flaps if it had this many transitions, an odd number, within this time. */
export const FLAPPING = { transitions: 5, withinMs: 600_000 } as const;

/** A transition in the registry. `at` is when the status began; Unix milliseconds. */
export interface StoredEvent {
  readonly generation: number;
  readonly status: "online" | "offline";
  readonly at: number;
  readonly reason: OfflineReason | null;
  readonly address: string | null;
  /** Code of the WebSocket close that ended the connection; null if there was none. */
  readonly closeCode: number | null;
}

export interface TimelineEntry extends StoredEvent {
  /** How long the status lasted, in milliseconds; null for the present status. */
  readonly durationMs: number | null;
}

type Current = Pick<Presence, "generation" | "status" | "reason" | "since" | "address">;

/**
 * The timeline, the newest entry first.
 * @param events the registry's events: the newest generation first, and within a generation its end before its
 * beginning
 * @param current the presence that is shown for the agent; the registry may not have it yet
 */
export function timeline(events: readonly StoredEvent[], current: Current, now: number): TimelineEntry[] {
  const entries: TimelineEntry[] = [];
  let next: number | null = null;
  for (const event of isNewer(current, events[0]) ? [entry(current), ...events] : events) {
    if (entries.length === KEPT.transitions || (next !== null && next < now - KEPT.ms)) break;
    // The end of an older connection may be dated after the beginning of a newer one. Then it ends when the newer one
    // began.
    const at = Math.min(event.at, next ?? now);
    entries.push({ ...event, at, durationMs: next === null ? null : next - at });
    next = at;
  }
  return entries;
}

function isNewer(current: Current, newest: StoredEvent | undefined): boolean {
  if (newest === undefined) return true;
  const same = current.generation === newest.generation && current.status === newest.status;
  return !same && supersedes(current, newest);
}

function entry({ generation, status, since, reason, address }: Current): StoredEvent {
  return { generation, status, at: since, reason: reason === "late" ? null : reason, address, closeCode: null };
}

/**
 * The share of the last `windowMs` that the agent was online. A shorter timeline gives the share of the shorter time;
 * null if it is empty.
 */
export function uptime(entries: readonly TimelineEntry[], windowMs: number, now: number): number | null {
  const start = Math.max(now - windowMs, entries[entries.length - 1]?.at ?? now);
  if (start >= now) return null;
  let onlineMs = 0;
  for (const { status, at, durationMs } of entries) {
    const end = durationMs === null ? now : at + durationMs;
    if (status === "online") onlineMs += Math.max(0, end - Math.max(at, start));
  }
  return onlineMs / (now - start);
}

/**
 * Until when an agent flaps if it neither comes nor goes meanwhile; null if it does not flap.
 * @param burstAt the time of its fifth-last transition ({@link FLAPPING}); null if there were fewer
 */
export function flappingUntil(burstAt: number | null, now: number): number | null {
  return burstAt !== null && burstAt + FLAPPING.withinMs > now ? burstAt + FLAPPING.withinMs : null;
}
