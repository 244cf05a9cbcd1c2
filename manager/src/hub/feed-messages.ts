/** The messages of the feed about agents: docs/API.md "Changes". */
import type { LiveStatus } from "../presence/presence.ts";
import { encode } from "../protocol/message.ts";

/** A change in the registry, as the `data` of a `registry.` message. */
export type RegistryChange =
  | { readonly change: string; readonly revision: number; readonly agentJson: string | null }
  | { readonly change: "flapping"; readonly flappingUntil: number };

/** `presence.<agentId>` */
export function presenceMessage(live: LiveStatus): string {
  const { agentId, generation, status, reason, since, lastSeen, connectedAt, host, address, rttMs, skewMs } = live;
  const { version, os, arch, hostname } = host;
  const seen = { generation, status, reason, since, lastSeen, connectedAt };
  const data = { ...seen, version, os, arch, hostname, address, rttMs, skewMs };
  return encode(`presence.${agentId}`, { dataJson: JSON.stringify(data) });
}

/** `registry.<agentId>` */
export function registryMessage(agentId: string, change: RegistryChange): string {
  return encode(`registry.${agentId}`, { dataJson: changeJson(change) });
}

function changeJson(change: RegistryChange): string {
  if (!("agentJson" in change)) return JSON.stringify(change);
  const { revision, agentJson } = change;
  return `{"change":${JSON.stringify(change.change)},"revision":${revision},"agent":${agentJson ?? "null"}}`;
}
