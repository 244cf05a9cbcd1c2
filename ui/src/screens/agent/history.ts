import { type Presence, parsePresence } from "../../agents/presence.ts";
import { type JsonObject, number, object, orNull, text, time } from "../../json.ts";

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
    at: time(event, "at"),
    durationMs: orNull(event, "durationMs", number),
    address: orNull(event, "address", text),
    closeCode: orNull(event, "closeCode", number),
  };
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
