/** Computed from an agent's transitions: its connection timeline, its share of uptime, and whether it flaps. Pure. */
import { type OfflineReason, type Presence, supersedes } from "./presence.ts";

/** How many of an agent's transitions the registry keeps, and for how long. */
export const KEPT = { transitions: 200, ms: 30 * 24 * 3_600_000 } as const;

/** An agent flaps when it has had this many transitions within this time. */
export const FLAPPING = { transitions: 5, withinMs: 600_000 } as const;

/** A transition as the registry keeps it. `at` is when the status began; Unix milliseconds. */
export interface StoredEvent {
  readonly generation: number;
  readonly status: "online" | "offline";
  readonly at: number;
  readonly reason: OfflineReason | null;
  readonly address: string | null;
  /** Of the WebSocket close that ended the connection; null where none came. */
  readonly closeCode: number | null;
}

export interface TimelineEntry extends StoredEvent {
  /** How long the status lasted, in milliseconds; null while it does. */
  readonly durationMs: number | null;
}

type Current = Pick<Presence, "generation" | "status" | "reason" | "since" | "address">;

/**
 * The timeline, the newest entry first.
 * @param events what the registry has, the newest generation first, and of one generation its end before its beginning
 * @param current the agent's presence as it is shown; the registry may not have got it yet
 */
export function timeline(events: readonly StoredEvent[], current: Current, now: number): TimelineEntry[] {
  const entries: TimelineEntry[] = [];
  let next: number | null = null;
  for (const event of isNewer(current, events[0]) ? [entry(current), ...events] : events) {
    if (entries.length === KEPT.transitions || (next !== null && next < now - KEPT.ms)) break;
    // The end of an older connection may be recorded after a newer one began. It counts as ended when the newer one
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

/** The share of the last `windowMs` that the agent was online, as far as it is known; null if nothing is. */
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
 * Whether an agent flaps whose transition number {@link FLAPPING}, counted backwards, was at `burstAt`; null: there
 * were fewer.
 */
export function isFlapping(burstAt: number | null, now: number): boolean {
  return burstAt !== null && burstAt > now - FLAPPING.withinMs;
}
