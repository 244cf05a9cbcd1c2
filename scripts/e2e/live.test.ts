import { setTimeout as pause } from "node:timers/promises";
import type { WebSocketRoute } from "playwright-core";
import { expect } from "vitest";
import { Child } from "../stack/child.ts";
import { inRepository } from "../stack/repository.ts";
import { Dashboard } from "./dashboard.ts";
import { test as base } from "./fixtures.ts";
import { processTree } from "./process-tree.ts";

/** From a change to the operator's screen. */
const SEEN_WITHIN_MS = 1_000;
const IDLE_MS = 10_000;
/** A page that asks for nothing for so long has loaded everything. */
const LOADED_AFTER_MS = 2_000;

/** Stands between a page and the feed. */
class FeedSwitch {
  #open = true;
  readonly #sockets = new Set<WebSocketRoute>();

  join(socket: WebSocketRoute): void {
    if (!this.#open) {
      void socket.close({ code: 4000 });
      return;
    }
    socket.connectToServer();
    this.#sockets.add(socket);
  }

  async cut(): Promise<void> {
    this.#open = false;
    for (const socket of this.#sockets) await socket.close({ code: 4000 });
    this.#sockets.clear();
  }

  restore(): void {
    this.#open = true;
  }
}

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("feed", async ({}) => new FeedSwitch())
  .extend("switched", async ({ lab, manager: _, browser, feed }, { onCleanup }) => {
    const context = await browser.newContext();
    onCleanup(() => context.close());
    await context.routeWebSocket(/\/api\/live/, (socket) => feed.join(socket));
    const dashboard = new Dashboard(await context.newPage());
    await dashboard.logIn(lab.url, lab.password);
    return dashboard;
  });

test("the page shows within a second that an agent comes and goes", async ({ lab, manager: _, dashboard }) => {
  await dashboard.untilManager("answers");
  const { process } = await lab.startAgent("quick");
  await lab.untilStatus("quick", "online");
  await dashboard.untilStatus("quick", "online", SEEN_WITHIN_MS);

  process.signal("SIGTERM");
  await process.ended;
  await dashboard.untilStatus("quick", "offline", SEEN_WITHIN_MS);
});

test("a page that was asleep shows the present when it is awake again", async ({ lab, manager: _, dashboard }) => {
  await dashboard.untilManager("answers");
  const { process } = await lab.startAgent("sleeper");
  await dashboard.untilStatus("sleeper", "online");
  const browser = await dashboard.page.context().newCDPSession(dashboard.page);
  await browser.send("Page.setWebLifecycleState", { state: "frozen" });
  process.signal("SIGTERM");
  await process.ended;
  await lab.untilStatus("sleeper", "offline");

  await browser.send("Page.setWebLifecycleState", { state: "active" });
  await dashboard.untilStatus("sleeper", "offline");
  await dashboard.untilManager("answers");
});

test("the page shows within a second what another operator changes", async ({ lab, manager: _, dashboard }) => {
  const { process } = await lab.startAgent("before");
  await dashboard.untilStatus("before", "online");
  const { id } = await lab.agent("before");

  await lab.admin.call("PATCH", `/api/agents/${id}`, JSON.stringify({ name: "after" }));
  await dashboard.untilStatus("after", "online", SEEN_WITHIN_MS);
  await lab.admin.call("POST", `/api/agents/${id}/revoke`);
  await dashboard.untilStatus("after", "offline", SEEN_WITHIN_MS);
  await lab.admin.call("DELETE", `/api/agents/${id}`);
  await dashboard.page.getByRole("rowheader").getByText("after", { exact: true }).waitFor({
    state: "detached",
    timeout: SEEN_WITHIN_MS,
  });
  await process.stop();
});

test("an idle page makes no requests", async ({ manager: _, dashboard }) => {
  const { page } = dashboard;
  const requests: string[] = [];
  let latest = performance.now();
  const note = (url: string) => {
    requests.push(url);
    latest = performance.now();
  };
  page.on("request", (request) => note(request.url()));
  page.on("websocket", (socket) => note(socket.url()));
  await dashboard.untilManager("answers");
  // Parts of the page are loaded ahead, such as the menus of the rows.
  await expect.poll(() => performance.now() - latest, { timeout: 60_000 }).toBeGreaterThan(LOADED_AFTER_MS);

  requests.length = 0;
  await pause(IDLE_MS);
  expect(requests).toEqual([]);
});

test("while the feed is cut the page is not live; when it is back, the page is live and right", async ({
  lab,
  manager: _,
  switched,
  feed,
}) => {
  const { process } = await lab.startAgent("unseen");
  await switched.untilManager("answers");
  await switched.untilStatus("unseen", "online");

  await feed.cut();
  await switched.untilManager("is gone", SEEN_WITHIN_MS);
  process.signal("SIGTERM");
  await process.ended;
  feed.restore();

  await switched.untilManager("answers");
  await switched.untilStatus("unseen", "offline", SEEN_WITHIN_MS);
});

test("where WebSockets are cut the page polls and says so", async ({ lab, manager: _, feed, switched }) => {
  await feed.cut();
  const text = "Live updates are blocked; checked every 15 seconds";
  await switched.page.getByText(text).waitFor({ timeout: 60_000 });
  const { process } = await lab.startAgent("polled");
  await switched.untilStatus("polled", "online", 20_000);
  await process.stop();
});

test("make watch prints a line when an agent comes and when it goes", async ({ lab, manager: _ }) => {
  const lines: string[] = [];
  const watch = new Child({
    name: "make watch",
    file: "make",
    args: ["watch", "ARGS=--subject 'fleet.>'"],
    cwd: inRepository(),
    env: { ...process.env, MANAGER_URL: lab.url, ADMIN_PASSWORD: lab.password },
    onLine: (line) => lines.push(line),
  });
  try {
    await expect.poll(() => lines.join("\n"), { timeout: 60_000 }).toContain("zedops: live");
    const agent = await lab.startAgent("watched");
    await expect.poll(() => lines.join("\n")).toMatch(/\d\d:\d\d:\d\d {2}watched {2}online$/m);
    const data = '{"text": "hello", "n": 12345678901234567890}';
    await lab.admin.call("POST", "/api/publish", `{"subject":"fleet.announce","data":${data}}`);
    await expect.poll(() => lines.join("\n")).toContain(`fleet.announce  ${data}`);
    agent.process.signal("SIGTERM");
    await agent.process.ended;
    await expect.poll(() => lines.join("\n")).toMatch(/watched {2}offline \(stopped\)$/m);

    const commands = (await processTree(watch.pid ?? 0)).map(({ command }) => command).join("\n");
    expect(commands).not.toContain(lab.password);
    watch.signal("SIGINT");
    await watch.ended;
    expect(lines.filter((line) => line.startsWith("zedops: "))).toEqual(["zedops: live"]);
  } finally {
    await watch.stop();
  }
});
