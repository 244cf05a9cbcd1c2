import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, vi } from "vitest";
import { z } from "zod";
import { test as base } from "./fixtures.ts";
import { Host } from "./host.ts";
import { expectInvariants } from "./invariant.ts";
import { SlowLoris } from "./slow-loris.ts";
import { full, managerVars, periods as usual } from "./timing.ts";

const LATENCY_MS = 2_000;

/** The agent must wait longer for an answer than the path takes. */
const periods = full ? usual : { heartbeatMs: 5_000, leaseMs: 14_000 };

const test = base.extend("manager", { scope: "file" }, async ({ lab }) => await lab.startManager(managerVars(periods)));

const Measured = z.object({ rttMs: z.number().nullable(), connectedAt: z.number() });

describe.concurrent("a slow path", () => {
  test("of 2 s each way: a host enrols, stays online, and its round trip is told as it is", async ({
    lab,
    proxy,
    onTestFinished,
  }) => {
    proxy.delay(LATENCY_MS);
    const host = new Host(lab, { managerUrl: proxy.url });
    onTestFinished(() => host.stop());
    await host.start();
    await expectInvariants(lab, [host]);

    const id = await host.id();
    const measured = async () => Measured.parse(await lab.admin.call("GET", `/api/agents/${id}`));
    await vi.waitFor(async () => expect((await measured()).rttMs).not.toBeNull(), { timeout: 30_000 });
    const { rttMs, connectedAt } = await measured();
    // Timers may fire slightly early.
    expect(rttMs).toBeGreaterThan(1.9 * LATENCY_MS);
    expect(rttMs).toBeLessThan(4 * LATENCY_MS);

    await pause(periods.leaseMs);
    await expectInvariants(lab, [host]);
    expect((await measured()).connectedAt, "no connection was lost").toBe(connectedAt);
  });

  test("of 200 clients that never finish their upgrade: agents and operators are served all the same", async ({
    lab,
    host,
    onTestFinished,
  }) => {
    const { connectedAt } = await lab.agent(host.name);
    const loris = await SlowLoris.open(lab.url, 200);
    onTestFinished(() => loris.close());

    const newcomer = new Host(lab);
    onTestFinished(() => newcomer.stop());
    await newcomer.start();
    await pause(periods.leaseMs);
    await expectInvariants(lab, [host, newcomer]);
    expect(await lab.agent(host.name)).toMatchObject({ connectedAt });
    expect(loris.size).toBe(200);
  });
});
