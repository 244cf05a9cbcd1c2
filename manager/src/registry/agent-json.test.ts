import { describe, expect, it } from "vitest";
import type { LiveStatus } from "../presence/presence.ts";
import { agentJson, recordedAgentJson } from "./agent-json.ts";
import type { AgentRecord } from "./agents.ts";

const HOST = { version: "1.0.0", os: "linux", arch: "amd64", hostname: "edge-7" };

const RECORD: AgentRecord = {
  ...{
    id: "k3v",
    name: "edge-7",
    labels: ["edge", "env=prod"],
    createdAt: 1,
    revision: 3,
    revokedAt: null,
    burstAt: null,
    clone: null,
    hub: "hub-0",
  },
  ...{ generation: 10, status: "online", reason: null, since: 10, lastSeen: 12, connectedAt: 10, address: null },
  ...HOST,
};

const LIVE: LiveStatus = {
  ...{ agentId: "k3v", generation: 10, status: "online", reason: null, since: 10, lastSeen: 20, connectedAt: 10 },
  ...{ address: null, host: HOST, rttMs: 23, skewMs: -140, droppedReplies: 0, droppedFrames: 0 },
};

describe("an agent as JSON", () => {
  it("has the generation of the presence that it shows, and the revision of its record", () => {
    expect(agentJson(RECORD, LIVE)).toMatchObject({ generation: 10, revision: 3, lastSeen: 20, rttMs: 23 });
    expect(agentJson(RECORD, { ...LIVE, generation: 11 })).toMatchObject({ generation: 11, revision: 3 });
  });

  it("is offline if its record says online but no hub has it, though not where no hub was asked", () => {
    expect(agentJson(RECORD, undefined)).toMatchObject({ status: "offline", reason: "lost", since: 12 });
    expect(recordedAgentJson(RECORD)).toEqual({
      ...{
        id: "k3v",
        name: "edge-7",
        labels: ["edge", "env=prod"],
        generation: 10,
        revision: 3,
        status: "online",
        reason: null,
        since: 10,
        lastSeen: 12,
      },
      ...{ connectedAt: 10, createdAt: 1, revokedAt: null, address: null, rttMs: null, skewMs: null, clone: null },
      ...{ flapping: false, flappingUntil: null, ...HOST },
    });
  });

  it("is offline as revoked once it was revoked, whatever its hub says", () => {
    const revoked = { ...RECORD, revokedAt: 15 };
    expect(agentJson(revoked, LIVE)).toMatchObject({ status: "online", reason: null, revokedAt: 15 });
    expect(agentJson(revoked, { ...LIVE, status: "offline", reason: "stopped" }).reason).toBe("revoked");
    expect(agentJson(revoked, undefined).reason).toBe("revoked");
  });

  it("flaps until ten minutes after its fifth-last transition", () => {
    const burstAt = Date.now() - 1_000;
    expect(agentJson({ ...RECORD, burstAt }, LIVE)).toMatchObject({ flapping: true, flappingUntil: burstAt + 600_000 });
    expect(agentJson({ ...RECORD, burstAt: burstAt - 600_000 }, LIVE)).toMatchObject({
      ...{ flapping: false, flappingUntil: null },
    });
  });
});
