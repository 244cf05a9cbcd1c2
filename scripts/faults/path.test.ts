import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import type { Direction, FaultProxy } from "./fault-proxy.ts";
import { test } from "./fixtures.ts";
import { Outage } from "./outage.ts";
import { lastRetryWait } from "./retry-wait.ts";
import { BUSY_MS, periods, slackMs } from "./timing.ts";

const noticedWithinMs = periods.leaseMs + slackMs;

describe.concurrent("the path between an agent and its manager", () => {
  const holes: { fault: string; directions: Direction[] }[] = [
    { fault: "black hole, agent to manager", directions: ["toManager"] },
    { fault: "black hole, manager to agent", directions: ["toAgent"] },
    { fault: "black hole, both ways", directions: ["toManager", "toAgent"] },
  ];

  test.for(holes)("$fault: both ends notice, and find each other again", async (hole, { task, lab, proxy, host }) => {
    const outage = await Outage.begin(task, lab, host, hole.fault);
    proxy.lose(...hole.directions);
    await Promise.all([outage.untilOffline(noticedWithinMs), outage.untilNoticed(noticedWithinMs)]);
    // A new connection fails too, and the agent keeps trying.
    await outage.untilLogged(/failed=1 .*the manager does not answer/);

    proxy.heal();
    outage.end();
    expect(await outage.untilRecovered()).toBeLessThan(lastRetryWait(outage.log) + BUSY_MS);
  });

  test.for<Direction>(["toManager", "toAgent"])(
    "a connection that is reset mid-frame, %s: a request in flight fails at once, and all is well again",
    async (direction, { task, lab, proxy, host }) => {
      const outage = await Outage.begin(task, lab, host, `reset mid-frame, ${direction}`);
      const id = await host.id();
      // The frame of the request or of its reply, not a heartbeat, which may come at any moment.
      const broken = proxy.breakFrame(direction, "reset", { atLeast: 10_000 });
      const answer = lab.request(id, { subject: "test.echo", data: "x".repeat(10_000) });
      await expect(answer).rejects.toThrow(/\(disconnected\)/);
      await broken;
      await outage.untilNoticed(noticedWithinMs);
      await outage.untilRecovered();
    },
  );

  test.for<Direction>(["toManager", "toAgent"])(
    "half a frame and then silence, %s: the agent notices, and connects anew",
    async (direction, { task, lab, proxy, host }) => {
      const outage = await Outage.begin(task, lab, host, `half a frame, then silence, ${direction}`);
      await proxy.breakFrame(direction, "silence");
      // A new connection works at once, so the API may never report offline.
      await outage.untilNoticed(noticedWithinMs);
      await outage.untilRecovered();
    },
  );

  test("an upgrade that is answered byte by byte: the agent gives up and tries again", async ({
    task,
    lab,
    proxy,
    host,
  }) => {
    const outage = await Outage.begin(task, lab, host, "upgrade answered byte by byte");
    proxy.trickle();
    proxy.cut();
    await outage.untilOffline(noticedWithinMs);
    await outage.untilLogged(/failed=1 .*the manager does not answer/);

    proxy.heal();
    outage.end();
    expect(await outage.untilRecovered()).toBeLessThan(lastRetryWait(outage.log) + BUSY_MS);
    expect(outage.log).toContain("reconnected");
  });

  const middleboxes = [
    {
      what: "a proxy that strips Upgrade",
      begin: (proxy: FaultProxy) => proxy.stripUpgrade(),
      says: "something between this host and the manager does not pass WebSockets",
    },
    {
      what: "a captive portal that answers 403",
      begin: (proxy: FaultProxy) => proxy.answer(page("403 Forbidden")),
      says: "something that is not the manager answered 403 Forbidden with text/html (a proxy or a captive portal?)",
    },
    {
      what: "a captive portal that redirects",
      begin: (proxy: FaultProxy) =>
        proxy.answer(page("302 Found", "Location: http://login.portal.test/?session=secret")),
      says: "redirected (302 Found) to http://login.portal.test, where the token does not belong",
    },
    {
      what: "a captive portal that answers 200",
      begin: (proxy: FaultProxy) => proxy.answer(page("200 OK")),
      says: "something that is not the manager answered 200 OK with text/html",
    },
  ];

  test.for(middleboxes)(
    "$what: the agent says so, keeps its credential and tries on",
    async (box, { task, lab, proxy, host }) => {
      const credential = await readFile(join(host.stateDir, "token"), "utf8");
      const outage = await Outage.begin(task, lab, host, box.what);
      box.begin(proxy);
      await Promise.all([outage.untilOffline(noticedWithinMs), outage.untilNoticed(noticedWithinMs)]);
      await outage.untilLogged("failed=2");
      expect(outage.log).toContain(box.says);
      expect(outage.log).not.toContain("secret");
      expect(await readFile(join(host.stateDir, "token"), "utf8")).toBe(credential);

      proxy.heal();
      outage.end();
      expect(await outage.untilRecovered()).toBeLessThan(lastRetryWait(outage.log) + BUSY_MS);
      expect(await readFile(join(host.stateDir, "token"), "utf8")).toBe(credential);
    },
  );
});

function page(status: string, ...headers: string[]): string {
  const body = "<!doctype html><title>Welcome to our network</title>";
  const head = [`HTTP/1.1 ${status}`, "Content-Type: text/html", `Content-Length: ${body.length}`, ...headers];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}
