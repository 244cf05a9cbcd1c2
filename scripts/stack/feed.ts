import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import type { Admin } from "./admin.ts";
import { memberText, partsOf } from "./json-text.ts";
import { UserError } from "./user-error.ts";

const Message = z.object({
  subject: z.string(),
  // Errors and `live.resync` have none.
  data: z.unknown().optional(),
  timestamp: z.number().optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
const Welcome = z.object({
  connection: z.string(),
  shards: z.number(),
  ...{ heartbeatIntervalMs: z.number(), heartbeatDelayMs: z.number(), leaseMs: z.number(), creditBytes: z.number() },
});

export interface Message extends z.infer<typeof Message> {
  /** The whole message as it came. Its payload is as it was sent; in `data`, long numbers are rounded. */
  readonly text: string;
}
type Welcome = z.infer<typeof Welcome>;

export interface FeedOptions {
  /** Ends the feed. */
  signal: AbortSignal;
  /** The subjects of publications to watch. */
  patterns: readonly string[];
  onMessage(message: Message): void;
  /** Called when changes may have been missed: the feed has just been opened, or the manager has dropped messages. */
  onLive(): void;
  onLost(): void;
}

const HEARTBEAT = '{"subject":"agent.heartbeat"}';
const HEARTBEAT_ACK = '{"subject":"agent.heartbeat.ack"}';
const WELCOME_WITHIN_MS = 10_000;
const CREDIT_FRAMES = 64;
/** The waits start short again if the feed was open for this long. */
const STABLE_AFTER_MS = 60_000;
const LONGEST_WAIT_MS = 30_000;
/** Added to the wait after the manager has closed a socket for bad frames (4400) or for too many messages (4429). */
const PENALTY_MS = 60_000;

/**
 * Follows the live feed, docs/API.md, until the signal is aborted. If one socket is lost, it opens all of them again.
 * @throws UserError if the manager no longer accepts the password, or refuses the patterns
 */
export async function followFeed(
  admin: Pick<Admin, "openFeed" | "checkPassword">,
  options: FeedOptions,
): Promise<void> {
  for (let losses = 0; !options.signal.aborted; losses += 1) {
    const began = performance.now();
    const { code, welcomed } = await openAll(admin, options);
    if (options.signal.aborted) return;
    if (code === 4401) throw new UserError("the manager does not accept this admin password any more");
    options.onLost();
    // A socket does not say why it was refused. Each further attempt would count as a guess.
    if (!welcomed) await admin.checkPassword();
    if (performance.now() - began > STABLE_AFTER_MS) losses = 0;
    const penalty = code === 4400 || code === 4429 ? PENALTY_MS : 0;
    const wait = penalty + Math.random() * Math.min(LONGEST_WAIT_MS, 1_000 * 2 ** losses);
    await pause(wait, undefined, { signal: options.signal }).catch(() => {});
  }
}

/** Opens a socket to each hub. Returns the code of the first one that is closed, and whether any was opened. */
async function openAll(admin: Pick<Admin, "openFeed">, options: FeedOptions) {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const over = new AbortController();
  let welcomed = 0;
  const open = (shard: number) => {
    const onWelcome = ({ shards }: Welcome) => {
      welcomed += 1;
      if (shard === 0) for (let other = 1; other < shards; other += 1) open(other);
      if (welcomed === shards) options.onLive();
    };
    const signal = AbortSignal.any([options.signal, over.signal]);
    const patterns = shard === 0 ? options.patterns : [];
    openHub(admin.openFeed(shard), { ...options, signal, patterns }, onWelcome).then(resolve, reject);
  };
  open(0);
  const code = await promise.finally(() => over.abort());
  return { code, welcomed: welcomed > 0 };
}

/** Follows one socket until it ends. Returns its close code, or 1006 if the manager has stopped answering. */
async function openHub(
  socket: WebSocket,
  options: FeedOptions,
  onWelcome: (welcome: Welcome) => void,
): Promise<number> {
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<number>();
  let deadline: NodeJS.Timeout | undefined = setTimeout(() => end(1006), WELCOME_WITHIN_MS);
  let nextBeat: NodeJS.Timeout | undefined;
  let creditBytes = Number.POSITIVE_INFINITY;
  let inbox = "";
  const processed = { frames: 0, bytes: 0 };
  let acknowledged = { ...processed };
  const send = (subject: string, data: unknown, reply?: string) =>
    socket.send(JSON.stringify({ subject, reply, data }));
  const acknowledge = () => {
    acknowledged = { ...processed };
    send("live.credit", acknowledged);
  };

  const begin = (welcome: Welcome) => {
    const { heartbeatIntervalMs, heartbeatDelayMs, leaseMs } = welcome;
    creditBytes = welcome.creditBytes;
    inbox = `inbox.${welcome.connection}.1`;
    let next = performance.now() + heartbeatDelayMs;
    const beat = () => {
      socket.send(HEARTBEAT);
      deadline ??= setTimeout(() => end(1006), leaseMs - heartbeatIntervalMs);
      // Counted from the welcome, so that a late beat does not delay the next ones.
      nextBeat = setTimeout(beat, next - performance.now());
      next += heartbeatIntervalMs;
    };
    beat();
    if (options.patterns.length > 0) send("live.subscribe", { patterns: options.patterns }, inbox);
    onWelcome(welcome);
  };

  const receive = (text: string) => {
    clearTimeout(deadline);
    deadline = undefined;
    if (text === HEARTBEAT_ACK) return;
    const message = parseMessage(text);
    if (message.subject === "live.welcome") {
      begin(Welcome.parse(message.data));
      return;
    }
    if (message.subject === inbox) {
      if (message.error) fail(new UserError(`the manager refuses the patterns: ${message.error.message}`));
      return;
    }
    if (message.subject === "live.resync") options.onLive();
    else for (const each of messagesOf(message)) options.onMessage(each);
    processed.frames += 1;
    processed.bytes += Buffer.byteLength(text);
    const [frames, bytes] = [processed.frames - acknowledged.frames, processed.bytes - acknowledged.bytes];
    if (frames >= CREDIT_FRAMES || bytes >= creditBytes / 4) acknowledge();
  };

  const listening = new AbortController();
  const { signal } = listening;
  options.signal.addEventListener("abort", () => end(1000), { signal });
  socket.addEventListener("close", ({ code }) => end(code), { signal });
  const onMessage = ({ data }: MessageEvent) => {
    try {
      receive(String(data));
    } catch (error) {
      console.error(`zedops: cannot read a message of the live feed: ${error}`);
    }
  };
  socket.addEventListener("message", onMessage, { signal });
  return await ended.finally(() => {
    listening.abort();
    clearTimeout(deadline);
    clearTimeout(nextBeat);
    socket.close();
  });
}

function messagesOf(message: Message): Message[] {
  if (message.subject !== "live.batch") return [message];
  return partsOf(memberText(message.text, "data") ?? "[]").map(parseMessage);
}

function parseMessage(text: string): Message {
  return { ...Message.parse(JSON.parse(text)), text };
}
