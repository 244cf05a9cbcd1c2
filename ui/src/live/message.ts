import { type JsonObject, number, object, orElse, ShapeError, text, tryParse } from "../json.ts";

/** A message of the live feed: docs/PROTOCOL.md "Frames". */
export interface Message {
  readonly subject: string;
  readonly data: unknown;
  /** The manager's clock in Unix milliseconds; null if the frame has none. */
  readonly timestamp: number | null;
  /** The text in which it came, for a payload that must be shown as it was sent, and its place in it if it is a batch. */
  readonly frame: string;
  readonly place: number | null;
}

/** The first message of a socket: docs/API.md "Live feed". */
export interface Welcome {
  /** The number of hubs, each with a socket of its own. */
  readonly shards: number;
  /** The manager's clock in Unix milliseconds. */
  readonly serverTime: number;
  readonly heartbeatIntervalMs: number;
  /** The time from the welcome to the second heartbeat. */
  readonly heartbeatDelayMs: number;
  readonly leaseMs: number;
  readonly creditBytes: number;
}

/** The limit of HUB_SHARDS. */
const mostShards = 256;

export const heartbeatFrame = '{"subject":"agent.heartbeat"}';
export const heartbeatAnswer = '{"subject":"agent.heartbeat.ack"}';

/** @throws SyntaxError or ShapeError */
export function parseFrame(frame: string): Message {
  return parseMessage(JSON.parse(frame), frame, null);
}

/** The messages of a frame: one, or those of a batch. A message that cannot be read is left out. */
export function unpack(message: Message): Message[] {
  if (message.subject !== "live.batch" || !Array.isArray(message.data)) return [message];
  return message.data.flatMap((item, place) => tryParse(() => parseMessage(item, message.frame, place)) ?? []);
}

/** @throws ShapeError */
export function parseWelcome(data: unknown): Welcome {
  const welcome = object(data, "welcome");
  const shards = number(welcome, "shards");
  if (!(shards >= 1 && shards <= mostShards)) throw new ShapeError("shards is out of range");
  return {
    shards,
    serverTime: number(welcome, "serverTime"),
    heartbeatIntervalMs: number(welcome, "heartbeatIntervalMs"),
    heartbeatDelayMs: number(welcome, "heartbeatDelayMs"),
    leaseMs: number(welcome, "leaseMs"),
    creditBytes: number(welcome, "creditBytes"),
  };
}

function parseMessage(value: unknown, frame: string, place: number | null): Message {
  const message: JsonObject = object(value, "message");
  return {
    subject: text(message, "subject"),
    data: message.data,
    timestamp: orElse<number | null>(message, "timestamp", number, null),
    frame,
    place,
  };
}
