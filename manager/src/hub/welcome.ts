/** The payload of `agent.welcome`: docs/PROTOCOL.md "Handshake". */
import type { Settings } from "../config.ts";
import { PROTOCOL } from "../protocol/message.ts";
import { CREDIT_WINDOW } from "./credit.ts";

/** Returning agents are spread so that a hub sees about a hundred a second. */
const SPREAD_MS_PER_AGENT = 10;
const MIN_SPREAD_MS = 1_000;
const MAX_SPREAD_MS = 60_000;

/** In how long agents that lose the same hub are to come back, in milliseconds. */
export function reconnectSpreadMs(agents: number): number {
  return Math.min(MAX_SPREAD_MS, Math.max(MIN_SPREAD_MS, agents * SPREAD_MS_PER_AGENT));
}

/**
 * @param heartbeatDelayMs how long until the first beat in the hub's window
 * @param neighbours agents of the same hub, all of which would come back together
 */
export function welcome(settings: Settings, connection: string, heartbeatDelayMs: number, neighbours: number) {
  const { heartbeatIntervalMs, leaseMs, maxFrameBytes, messagesPerSecond, bytesPerSecond } = settings;
  return {
    protocol: PROTOCOL,
    connection,
    serverTime: Date.now(),
    heartbeatIntervalMs,
    heartbeatDelayMs,
    leaseMs,
    maxFrameBytes,
    messagesPerSecond,
    bytesPerSecond,
    creditFrames: CREDIT_WINDOW.frames,
    creditBytes: CREDIT_WINDOW.bytes,
    reconnectSpreadMs: reconnectSpreadMs(neighbours),
  };
}
