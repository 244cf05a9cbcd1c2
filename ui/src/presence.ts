import { type JsonObject, orNull, ShapeError, text } from "./json.ts";

/** Whether an agent is connected, and what there is to say about it. */
export interface Presence {
  readonly status: "online" | "offline";
  /** Why it is offline; of an agent that is online, `late` once a beat is missed, else null. */
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

interface Reason {
  readonly words: string;
  readonly explanation: string;
}

const reasons: ReadonlyMap<string, Reason> = new Map([
  [
    "late",
    { words: "late", explanation: "One heartbeat missed. Unless something is heard soon, it counts as offline." },
  ],
  ["stopped", { words: "stopped", explanation: "It said goodbye: the agent was stopped, or its host shut down." }],
  [
    "lost",
    { words: "connection lost", explanation: "Its connection broke without a goodbye: a crash or the network." },
  ],
  ["lease_expired", { words: "fell silent", explanation: "Nothing was heard from it for too long." }],
  ["replaced", { words: "replaced", explanation: "A newer connection with the same identity took its place." }],
  ["revoked", { words: "revoked", explanation: "Its token is void for good." }],
  [
    "manager_restart",
    {
      words: "manager restart",
      explanation:
        "It has not come back since the manager went away, or sent it away. It does by itself, if it still runs.",
    },
  ],
  ["policy", { words: "cut off by policy", explanation: "It sent too much, or too many bad frames." }],
  ["never_connected", { words: "never connected", explanation: "It has enrolled, but not connected yet." }],
]);

/** Status and reason in words. A newer manager may know reasons that this page does not: those read as their code does. */
export function describePresence({ status, reason }: Presence): string {
  if (reason === null) return status;
  return `${status} · ${reasons.get(reason)?.words ?? reason.replaceAll("_", " ")}`;
}

/** What the reason means, in a sentence or two; null where there is nothing to explain. */
export function explainPresence({ reason }: Presence): string | null {
  return reasons.get(reason ?? "")?.explanation ?? null;
}
