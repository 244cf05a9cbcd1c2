/**
 * What a hub must do when it wakes with what another release has stored: all in fixtures/, by commit. The fault suite also
 * copies this file into the release before, with a dump of the present code: that is a rollback.
 */
import { runInDurableObject } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import { type Dump, loadFixtures } from "./load-fixtures.ts";
import { agentView, api, hub, shown, stored } from "./manager.ts";

const dumps = import.meta.glob<Dump>("./fixtures/*.json", { import: "default" });

/** The kinds of agents that are connected by a socket. */
const CONNECTED = [
  ...["registered", "slow", "registered, beside an unregistered one", "replaced it", "cloned", "separation ordered"],
  ...["separated", "its second host", "holds a candidate", "came with its candidate"],
];

let clients = new Map<string, WebSocket>();
afterEach(async () => {
  vi.useRealTimers();
  for (const client of clients.values()) client.close(1000, "stopped");
  await vi.waitUntil(() => runInDurableObject(hub(), (_, ctx) => ctx.getWebSockets().length === 0), {
    timeout: 30_000,
  });
});

it.each(Object.entries(dumps))("serves agents and operators from %s, and tells D1 what it lacks", async (_, load) => {
  const dump = await load();
  clients = await loadFixtures(dump);
  const agentOf = (kind: string) => dump.kinds[kind]?.agentId ?? kind;

  for (const kind of CONNECTED) {
    expect(await agentView(agentOf(kind)), kind).toMatchObject({ status: "online", reason: null });
    const { connection = "" } = dump.kinds[kind] ?? {};
    const client = clients.get(connection);
    const frames: unknown[] = [];
    client?.addEventListener("message", ({ data }) => {
      frames.push(JSON.parse(String(data)));
    });
    client?.send(JSON.stringify({ subject: "test.echo", reply: `inbox.${connection}.echo`, data: kind }));
    await vi.waitFor(() => expect(frames).toMatchObject([{ data: kind }]), { timeout: 30_000 });
  }
  const { body: subscriptions } = await api("GET", `/api/agents/${agentOf("registered")}/subscriptions`);
  expect(subscriptions).toMatchObject({ patterns: ["fleet.>", `agents.${agentOf("registered")}.>`], delivered: 3 });
  const { body: published } = await api("POST", "/api/publish", { subject: "fleet.news" });
  expect(published).toEqual({ delivered: 1, dropped: 0 });
  const { body: refused } = await api("POST", "/api/publish", { subject: `agents.${agentOf("slow")}.slow` });
  expect(refused, "the window of this one is full").toEqual({ delivered: 0, dropped: 1 });

  expect(await agentView(agentOf("http lease"))).toMatchObject({ status: "online", rttMs: 7 });
  expect(await agentView(agentOf("came while D1 was out of reach"))).toMatchObject({ status: "online", rttMs: 9 });
  expect(await agentView(agentOf("revoked"))).toMatchObject({ status: "offline", reason: "revoked" });
  const left = agentOf("left while D1 was out of reach");
  await shown(left, ({ status, reason }) => status === "offline" && reason === "stopped");
  await stored(left, ({ status, reason }) => status === "offline" && reason === "stopped");
  for (const { agentId } of Object.values(dump.kinds)) {
    const { body } = await api("GET", `/api/agents/${agentId}/events`);
    // One was removed, and one has never registered.
    if (!Array.isArray(body)) continue;
    const ats = body.map(({ at }: { at: number }) => at);
    expect(ats).toEqual(ats.toSorted((a, b) => b - a));
  }
});
