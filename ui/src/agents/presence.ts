import { type JsonObject, orNull, ShapeError, text } from "../json.ts";

/** Whether an agent is connected, and the reason. */
export interface Presence {
  readonly status: "online" | "offline";
  /** Why it is offline. If it is online: `late` after a missed heartbeat, else null. */
  readonly reason: string | null;
}

export function parsePresence(from: JsonObject): Presence {
  const status = text(from, "status");
  if (status !== "online" && status !== "offline") throw new ShapeError("status is neither online nor offline");
  return { status, reason: orNull(from, "reason", text) };
}

export function isLate({ status, reason }: Presence): boolean {
  return status === "online" && reason === "late";
}

/**
 * Whether an agent is away for a reason that calls for nobody: an operator or the host meant it, or the manager's own
 * restart ended the connection. A reason that this page does not know may call for somebody.
 */
export function isMeant({ status, reason }: Presence): boolean {
  return status === "offline" && reasons.get(reason ?? "")?.meant === true;
}

/** Whether somebody should look at it: it went away by itself, or is about to. */
export function needsAttention(presence: Presence): boolean {
  return presence.status === "offline" ? !isMeant(presence) : isLate(presence);
}

interface Reason {
  readonly words: string;
  readonly meant?: true;
  readonly explanation: string;
}

const reasons: ReadonlyMap<string, Reason> = new Map([
  [
    "late",
    { words: "late", explanation: "One heartbeat missed. Unless it sends something soon, it counts as offline." },
  ],
  ["stopped", { meant: true, words: "stopped", explanation: "The agent was stopped, or its host shut down." }],
  ["lost", { words: "connection lost", explanation: "Its connection broke: a crash or the network." }],
  ["lease_expired", { words: "fell silent", explanation: "It sent no heartbeat for too long." }],
  [
    "replaced",
    { meant: true, words: "replaced", explanation: "A newer connection with the same identity replaced it." },
  ],
  ["revoked", { meant: true, words: "revoked", explanation: "Its token is no longer valid." }],
  [
    "manager_restart",
    {
      meant: true,
      words: "manager restart",
      explanation:
        "It has not reconnected since the manager stopped, or asked it to reconnect. If it still runs, it does so by itself.",
    },
  ],
  ["policy", { words: "cut off by policy", explanation: "It sent too much, or too many bad frames." }],
  [
    "never_connected",
    { meant: true, words: "never connected", explanation: "It has enrolled, but not connected yet." },
  ],
]);

/** Status and reason in words. A reason that this page does not know, from a newer manager, is shown as its code. */
export function describePresence({ status, reason }: Presence): string {
  if (reason === null) return status;
  return `${status} · ${reasons.get(reason)?.words ?? reason.replaceAll("_", " ")}`;
}

/** The meaning of the reason, in a sentence or two; null if it needs no explanation. */
export function explainPresence({ reason }: Presence): string | null {
  return reasons.get(reason ?? "")?.explanation ?? null;
}
