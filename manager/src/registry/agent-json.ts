/** An agent as the API shows it: the registry's record, with the present status from its hub on top. */
import type { CloneHost } from "../presence/clone.ts";
import { currentPresence, type LiveStatus, type Presence } from "../presence/presence.ts";
import { isFlapping } from "../presence/timeline.ts";
import type { AgentRecord } from "./agents.ts";

/** docs/API.md "Agents". Times are Unix milliseconds. */
export interface AgentJson {
  readonly id: string;
  readonly name: string;
  readonly status: "online" | "offline";
  readonly reason: Presence["reason"];
  readonly since: number;
  readonly lastSeen: number | null;
  readonly connectedAt: number | null;
  readonly createdAt: number;
  readonly version: string;
  readonly os: string;
  readonly arch: string;
  readonly hostname: string;
  readonly address: string | null;
  readonly rttMs: number | null;
  readonly skewMs: number | null;
  readonly flapping: boolean;
  readonly clone: { readonly at: number; readonly first: ShownHost; readonly second: ShownHost } | null;
}

/** One of two hosts that share an identity. The API does not show its boot id. */
type ShownHost = Omit<CloneHost, "bootId">;

/** @param live the status from the agent's hub; undefined if no hub has the agent */
export function agentJson(record: AgentRecord, live: LiveStatus | undefined): AgentJson {
  const { host, status, reason, since, lastSeen, connectedAt, address, rttMs, skewMs } = currentPresence(record, live);
  const { id, name, createdAt, burstAt } = record;
  const seen = { status, reason, since, lastSeen, connectedAt, createdAt };
  const now = Date.now();
  const flapping = isFlapping(burstAt, now);
  return { id, name, ...seen, ...host, address, rttMs, skewMs, flapping, clone: cloneOf(record, now) };
}

/** How long a detected clone is shown. While two hosts share an identity, they are detected again every few minutes. */
const CLONE_SHOWN_MS = 24 * 3_600_000;

function cloneOf({ clone }: AgentRecord, now: number): AgentJson["clone"] {
  if (clone === null) return null;
  const { at, first, second } = clone;
  const shown = ({ address, hostname, seenAt }: CloneHost) => ({ address, hostname, seenAt });
  return at < now - CLONE_SHOWN_MS ? null : { at, first: shown(first), second: shown(second) };
}
