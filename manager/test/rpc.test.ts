/**
 * Calls that the Worker of an earlier release makes to a hub, as recorded in fixtures/. During a deploy it makes them to a hub of
 * this release. Each must have an answer that the old Worker can read: it has every field that the old hub's answer had.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ADMISSION_HEADER } from "../src/hub/hub.ts";
import { type Dump, loadFixtures } from "./load-fixtures.ts";
import { hub } from "./manager.ts";

interface Call {
  readonly method: string;
  readonly args: readonly unknown[];
  readonly result: unknown;
}
type Recorded = Dump & { readonly calls: readonly Call[]; readonly admissions: readonly string[] };

const recorded = Object.entries(import.meta.glob<Recorded>("./fixtures/*.json", { import: "default", eager: true }));

/** A value of the file: JSON has no undefined. */
function restored(value: unknown): unknown {
  return typeof value === "object" && value !== null && "undefined" in value ? undefined : value;
}

/** The fields that an answer has, and the types of those that are not null: what an old Worker relies on. */
function expectReadable(answer: unknown, old: unknown): void {
  if (old === null || answer === null) return;
  expect(typeof answer).toBe(typeof old);
  if (typeof old !== "object" || typeof answer !== "object") return;
  if (Array.isArray(old)) {
    expect(Array.isArray(answer)).toBe(true);
    return;
  }
  const fields = new Map(Object.entries(answer));
  // A failure where the recording has a success is readable too: it has a code.
  if (fields.get("ok") === false) {
    expect(fields.get("error")).toMatchObject({ code: expect.any(String), message: expect.any(String) });
    return;
  }
  for (const [name, value] of Object.entries(old)) {
    expect([...fields.keys()]).toContain(name);
    expectReadable(fields.get(name), value);
  }
}

describe.each(recorded)("the Worker of %s", (_, dump) => {
  let clients = new Map<string, WebSocket>();
  beforeAll(async () => {
    clients = await loadFixtures(dump);
    for (const client of clients.values()) {
      client.addEventListener("message", ({ data }) => {
        const { reply, data: payload = {} } = JSON.parse(String(data));
        if (reply !== undefined) client.send(JSON.stringify({ subject: reply, data: payload }));
      });
    }
  });
  afterAll(() => {
    vi.useRealTimers();
    for (const client of clients.values()) client.close(1000, "stopped");
  });

  it("has recorded every method that it calls", () => {
    expect(new Set(dump.calls.map(({ method }) => method))).toEqual(
      new Set([
        ...["register", "heartbeat", "status", "request", "rotate", "separate"],
        ...["publish", "subscriptions", "disconnect", "drain"],
      ]),
    );
  });

  it.each(dump.calls.map((call, n) => ({ ...call, n })))("can call $method and read the answer ($n)", async (call) => {
    const stub: Readonly<Record<string, unknown>> = Object(hub());
    const method = stub[call.method];
    if (typeof method !== "function") throw new Error(`there is no ${call.method}`);
    const answer: unknown = await method(...call.args.map(restored));
    const old = restored(call.result);
    if (old === undefined) expect(answer).toBeUndefined();
    else expectReadable(answer, old);
  });

  it("can open a socket with its admission", async () => {
    expect(dump.admissions.length).toBeGreaterThan(0);
    for (const [n, admission] of dump.admissions.entries()) {
      const connectionId = `replayed${n}`;
      const header = JSON.stringify({ ...JSON.parse(admission), connectionId, agentId: `replayed${n}` });
      const response = await hub().fetch("https://hub.test/", {
        headers: { Upgrade: "websocket", [ADMISSION_HEADER]: header },
      });
      expect(response.status).toBe(101);
      response.webSocket?.accept();
      response.webSocket?.close(1001);
    }
  });
});
