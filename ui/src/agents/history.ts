import { type JsonObject, number, object, orNull, text } from "../json.ts";
import { type Presence, parsePresence } from "./presence.ts";

/** One stretch of an agent's timeline, as in docs/API.md. Times are Unix milliseconds on the manager's clock. */
export interface ConnectionEvent extends Presence {
  /** When it began. */
  readonly at: number;
  /** Its duration in ms; null while it lasts. */
  readonly durationMs: number | null;
  readonly address: string | null;
  /** The WebSocket close code that ended the connection; null if there was none. */
  readonly closeCode: number | null;
}

export function parseEvent(value: unknown): ConnectionEvent {
  const event = object(value, "event");
  return {
    ...parsePresence(event),
    at: number(event, "at"),
    durationMs: orNull(event, "durationMs", number),
    address: orNull(event, "address", text),
    closeCode: orNull(event, "closeCode", number),
  };
}

const closes: ReadonlyMap<number, string> = new Map([
  [1000, "The agent was stopped"],
  [1001, "The agent no longer heard from the manager"],
  [1006, "The connection broke"],
  [1012, "The agent reconnected, by itself or when it was asked to"],
  [4400, "The agent sent bad frames"],
  [4401, "The manager refused its registration"],
  [4403, "The agent was revoked or removed"],
  [4408, "The manager no longer heard from the agent"],
  [4409, "A newer connection of the same agent replaced it"],
  [4429, "The agent exceeded a rate limit"],
  [4503, "The manager asked it to connect again"],
]);

/** The meaning of a close code, in words; null if neither the manager nor the agent sends it. */
export function explainClose(code: number | null): string | null {
  return closes.get(code ?? 0) ?? null;
}

/** The shares of the last 24 hours and 7 days that an agent was online, 0 to 1; null if nothing is known. */
export interface Uptime {
  readonly day: number | null;
  readonly week: number | null;
}

export function parseUptime(agent: JsonObject): Uptime {
  const uptime = object(agent.uptime, "uptime");
  return { day: orNull(uptime, "day", number), week: orNull(uptime, "week", number) };
}

// Rounded down, so that only an agent that was always online has 100%.
const percent = { style: "percent", roundingMode: "trunc" } as const;
const coarse = new Intl.NumberFormat(undefined, { ...percent, maximumFractionDigits: 1 });
const fine = new Intl.NumberFormat(undefined, { ...percent, maximumFractionDigits: 2 });

/** A share as a percentage. It has more digits near 100%, where they matter. */
export function formatShare(share: number | null): string {
  if (share === null) return "–";
  if (share > 0 && share < 0.0001) return `<${fine.format(0.0001)}`;
  return (share < 0.01 || share > 0.99 ? fine : coarse).format(share);
}

const units: readonly [string, number][] = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
];

/** A length of time in its two largest units, such as "2h 3m", rounded down. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const largest = units.findIndex(([, length]) => seconds >= length);
  if (largest === -1) return "<1s";
  const parts: string[] = [];
  let rest = seconds;
  for (const [unit, length] of units.slice(largest, largest + 2)) {
    if (rest >= length) parts.push(`${Math.floor(rest / length)}${unit}`);
    rest %= length;
  }
  return parts.join(" ");
}
