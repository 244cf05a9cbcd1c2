/** How an agent hears of its labels: docs/PROTOCOL.md "Labels". */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { agentTag } from "../src/hub/connection.ts";
import { api, fetchManager, HOST, mintToken, TestAgent } from "./manager.ts";

const label = (id: string, labels: readonly string[]) => api("PATCH", `/api/agents/${id}`, { labels });

async function enrol(tokenLabels: string[], labels: string[]) {
  const agent = await TestAgent.open({ token: await mintToken({ labels: tokenLabels }) });
  const { data } = await agent.request("agent.register", { ...HOST, labels });
  return data as { agentId: string; name: string; labels: string[]; token: string };
}

describe("an agent", () => {
  it("hears of its labels: when it enrols with the answer, later with the welcome, and over HTTP with the answer", async () => {
    const { agentId: id, labels, token } = await enrol(["env=prod"], ["edge"]);
    expect(labels).toEqual(["edge", "env=prod"]);
    await label(id, ["site=Büro"]);
    const again = await TestAgent.open({ token });
    expect(again.welcome).toMatchObject({ labels: ["site=Büro"] });
    expect((await again.request("agent.register", HOST)).data).toEqual({ agentId: id, name: "edge-7" });
    const http = await fetchManager("/api/agent/register", {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", "Zedops-Boot-Id": "boot-id-1" },
      body: JSON.stringify(HOST),
    });
    expect(await http.json()).toEqual({ agentId: id, name: "edge-7", labels: ["site=Büro"] });
    const none = await TestAgent.open({ token: await mintToken() });
    expect(none.welcome).not.toHaveProperty("labels");
  });

  it("takes no more room in its socket because of its labels", async () => {
    const { agentId: id, token } = await enrol([], []);
    await label(
      id,
      Array.from({ length: 16 }, (_, n) => `k${n}=${"𝒗".repeat(63)}`),
    );
    const agent = await TestAgent.open({ token });
    expect((agent.welcome as { labels: string[] }).labels).toHaveLength(16);
    expect((await agent.request("agent.register", HOST)).error).toBeUndefined();
    const stored = await runInDurableObject(env.HUB.getByName("hub-0"), (_, ctx) =>
      ctx.getWebSockets(agentTag(id)).map((socket) => JSON.stringify(socket.deserializeAttachment())),
    );
    expect(stored).not.toEqual([]);
    for (const state of stored) expect(state).not.toContain("𝒗");
  });
});
