/** The payloads of `agent.welcome` (docs/PROTOCOL.md "Handshake") and `live.welcome` (docs/API.md "Live feed"). */
import type { Settings } from "../config.ts";
import { PROTOCOL } from "../protocol/message.ts";
import type { Viewer } from "../registry/viewer-header.ts";
import { CREDIT_WINDOW } from "./credit.ts";

const MIN_SPREAD_MS = 1_000;
/** With this spread, about a hundred agents a second come back to a hub. */
const OF_HUB = { msPerAgent: 10, longestMs: 60_000 };
/**
 * All hubs share one database, which admits about a thousand agents a second. An agent cannot know whether others were lost with
 * it, and waits after any loss. So the spread stops at two minutes, although the largest fleets would need more.
 */
const OF_FLEET = { msPerAgent: 1.2, longestMs: 120_000 };

/**
 * The time within which the agents of lost hubs come back, in milliseconds.
 * @param agents the agents of one of the hubs
 * @param hubs how many hubs may be lost together; each has about as many agents
 */
export function reconnectSpreadMs(agents: number, hubs: number): number {
  const ofHub = Math.min(OF_HUB.longestMs, agents * OF_HUB.msPerAgent);
  const ofFleet = Math.min(OF_FLEET.longestMs, agents * hubs * OF_FLEET.msPerAgent);
  return Math.ceil(Math.max(MIN_SPREAD_MS, ofHub, ofFleet));
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
  const { hubShards, heartbeatIntervalMs, leaseMs, maxFrameBytes, messagesPerSecond, bytesPerSecond } = settings;
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
    reconnectSpreadMs: reconnectSpreadMs(agents, hubShards),
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
