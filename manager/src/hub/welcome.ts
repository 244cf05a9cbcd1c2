/** The payloads of `agent.welcome` (docs/PROTOCOL.md "Handshake") and `live.welcome` (docs/API.md "Live feed"). */
import type { Settings } from "../config.ts";
import { PROTOCOL } from "../protocol/message.ts";
import type { Viewer } from "../registry/viewer-header.ts";
import { CREDIT_WINDOW } from "./credit.ts";

/** With this spread, about a hundred agents a second come back to a hub. */
const SPREAD_MS_PER_AGENT = 10;
const MIN_SPREAD_MS = 1_000;
const MAX_SPREAD_MS = 60_000;

/** The time within which the agents of a lost hub come back, in milliseconds. */
export function reconnectSpreadMs(agents: number): number {
  return Math.min(MAX_SPREAD_MS, Math.max(MIN_SPREAD_MS, agents * SPREAD_MS_PER_AGENT));
}

/**
 * @param heartbeatDelayMs the time to the agent's first beat in the hub's window
 * @param agents agents of the same hub: if the hub is lost, they all come back together
 * @param labels those of the agent, if it is known already
 */
export function welcome(
  settings: Settings,
  connection: string,
  heartbeatDelayMs: number,
  agents: number,
  labels?: readonly string[],
) {
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
    reconnectSpreadMs: reconnectSpreadMs(agents),
    ...(labels === undefined ? {} : { labels }),
  };
}

/**
 * @param heartbeatDelayMs the time to the viewer's second beat, in the hub's window; the first one is due at once
 * @param creditBytes the bytes of its credit window
 */
export function viewerWelcome(
  settings: Settings,
  viewer: Viewer,
  version: string,
  heartbeatDelayMs: number,
  creditBytes: number,
) {
  const { hubShards, heartbeatIntervalMs, leaseMs, maxFrameBytes } = settings;
  return {
    protocol: PROTOCOL,
    connection: viewer.connectionId,
    shard: viewer.shard,
    shards: hubShards,
    version,
    serverTime: Date.now(),
    heartbeatIntervalMs,
    heartbeatDelayMs,
    leaseMs,
    maxFrameBytes,
    creditFrames: CREDIT_WINDOW.frames,
    creditBytes,
  };
}
