/**
 * Measures the dashboard in Chromium with many agents:
 *
 *   node scripts/bench/ui.ts             with 10,000 agents, against a stand-in for the manager
 *   node scripts/bench/ui.ts --manager   against a real manager, whose registry has as many agents; without changes of agents
 *   node scripts/bench/ui.ts 2000
 */
import { cpus } from "node:os";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { CDPSession, Page } from "playwright-core";
import { Dashboard, launchBrowser } from "../e2e/dashboard.ts";
import { firstScreenBytes } from "../e2e/first-screen.ts";
import { Lab } from "../e2e/lab.ts";
import { registryFile } from "../e2e/registry-file.ts";
import { type AgentRecord, inventAgents, StandIn } from "../e2e/stand-in.ts";

const {
  values: options,
  positionals: [count = "10000"],
} = parseArgs({ options: { manager: { type: "boolean" } }, allowPositionals: true });
const REPEATS = 5;
/** Changes a second, and the interval of the manager's batches. */
const CHANGES = 1_000;
const BATCH_MS = 250;
const FEED_MS = 10_000;
const IDLE_MS = 10_000;

/** What is done to an element, in the page. */
const click = "element.click()";
const typeInto = `
  element.value = ["e", "ed", "edge-s", "99", "1"][repeat];
  element.dispatchEvent(new InputEvent("input", { bubbles: true }))`;

const browser = await launchBrowser();
const onEnd = [() => browser.close()];
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const agents = inventAgents(Number(count));
  const standIn = options.manager ? null : new StandIn(agents);
  await standIn?.serve(context);
  const lab = options.manager ? await openLab(agents) : null;
  onEnd.push(async () => lab?.close());
  const page = await context.newPage();
  const url = standIn?.url ?? lab?.url;
  if (lab !== null) await new Dashboard(page).logIn(lab.url, lab.password);
  // When the first answer with agents has come, when the first row is there, and every task over 50 ms.
  await page.addInitScript(`
    window.bench = { tasks: [] };
    const { fetch } = window;
    window.fetch = async (...args) => {
      const answer = await fetch(...args);
      if (String(args[0]).startsWith("/api/agents?")) window.bench.data ??= performance.now();
      return answer;
    };
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.bench.tasks.push(duration);
    }).observe({ type: "longtask", buffered: true });
    new MutationObserver((_, observer) => {
      if (document.querySelector("tbody tr") === null) return;
      observer.disconnect();
      requestAnimationFrame(() => { window.bench.rows = performance.now(); });
    }).observe(document, { childList: true, subtree: true });`);
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable");
  await page.goto(`${url}/agents`);
  await page.getByText("Live", { exact: true }).waitFor();

  const [cpu] = cpus();
  console.log(`${count} agents, Chromium ${browser.version()}, Node ${process.versions.node}`);
  console.log(`${cpus().length} × ${cpu?.model.trim()}, ${new Date().toISOString().slice(0, 10)}\n`);
  console.log("| what | target | measured |");
  console.log("|---|---|---|");
  report("first rows after the first data", await page.evaluate<number>("bench.rows - bench.data"), 300, "ms");
  // 0 if no task takes 50 ms: browsers tell of longer ones only.
  report("longest task while loading", await longestTask(page), 100, "ms");
  report("elements", await page.evaluate<number>("document.querySelectorAll('*').length"), 2_000, "");
  report("scripts of the first screen, compressed", await firstScreenBytes(), 45_000, "bytes");

  report("a key in the search", await worst(page, "input[type=search]", typeInto), 50, "ms");
  await page.getByRole("searchbox").fill("");
  report("a sort by address", await worst(page, "th.agents-address button", click), 100, "ms");
  report("a sort by name", await worst(page, "th.agents-name button", click), 100, "ms");
  report("a filter by state", await worst(page, ".filters-group:last-child", click), 50, "ms");
  await page.getByRole("button", { name: /^All/ }).click();
  report("a menu", await worst(page, ".menu-button", click), 50, "ms");
  await page.keyboard.press("Escape");
  report("selecting all", await worst(page, ".agents-select-all input", click), 100, "ms");
  await page.getByRole("button", { name: "Clear selection" }).click();
  await page.evaluate("document.querySelectorAll('th.agents-status button')[0].click()");

  if (standIn !== null) {
    await page.evaluate("bench.tasks.length = 0");
    const busy = await cpuShare(session, () => change(standIn));
    report(`longest task at ${CHANGES} changes a second`, await longestTask(page), 100, "ms");
    report(`share of a core at ${CHANGES} changes a second`, busy * 100, null, "%");
  }
  await setTimeout(2_000);
  report("share of a core when nothing happens", (await cpuShare(session, () => setTimeout(IDLE_MS))) * 100, 2, "%");
  await session.send("HeapProfiler.collectGarbage");
  report("heap", (await metric(session, "JSHeapUsedSize")) / 1_048_576, 60, "MB");
} finally {
  for (const end of onEnd) await end();
}

/** A manager of its own whose registry has these agents. Their hubs do not know them, so all are offline. */
async function openLab(agents: readonly AgentRecord[]): Promise<Lab> {
  const lab = await Lab.open();
  // The first manager makes the registry. Its rows are written while no manager runs.
  const first = await lab.startManager();
  await first.stop();
  const registry = new DatabaseSync(await registryFile(lab.dir));
  registry.exec("BEGIN");
  registry.exec("INSERT INTO enrolments (id, max_uses, created_at, expires_at) VALUES ('bench', 100000, 0, 1)");
  const insert = registry.prepare(`
    INSERT INTO agents (id, enrolment_id, install_id, name, token_hash, created_at, generation, status, reason, since,
      last_seen, address, version, os, arch, hostname)
    VALUES (?, 'bench', ?, ?, '', ?, ?, 'offline', ?, ?, ?, ?, ?, ?, ?, ?)`);
  for (const {
    id,
    name,
    createdAt,
    generation,
    reason,
    since,
    lastSeen,
    address,
    version,
    os,
    arch,
    hostname,
  } of agents)
    insert.run(
      ...[id, id, name, createdAt, generation, reason ?? "stopped", since, lastSeen],
      ...[address, version, os, arch, hostname],
    );
  registry.exec("COMMIT");
  registry.close();
  await lab.startManager();
  return lab;
}

/** Prints a line of the table. A figure without a target has `most` null. */
function report(what: string, measured: number, most: number | null, unit: "ms" | "%" | "MB" | "bytes" | ""): void {
  const digits = unit === "" || unit === "bytes" ? 0 : 1;
  const value = measured.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const target = most === null ? "–" : `at most ${most.toLocaleString("en")} ${unit}`.trim();
  console.log(`| ${what} | ${target} | ${`${value} ${unit}`.trim()} |`);
}

/** The longest of some times, in ms, from an action on an element to the frame that shows its result. */
async function worst(page: Page, selector: string, action: string): Promise<number> {
  const times: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    times.push(
      await page.evaluate<number>(`new Promise((resolve) => {
        const [element, repeat] = [document.querySelector(${JSON.stringify(selector)}), ${repeat}];
        requestAnimationFrame(() => {
          const began = performance.now();
          ${action};
          // The layout that the frame needs is made now, so it counts.
          document.body.offsetHeight;
          const channel = new MessageChannel();
          channel.port1.onmessage = () => resolve(performance.now() - began);
          requestAnimationFrame(() => channel.port2.postMessage(null));
        });
      })`),
    );
    await setTimeout(400);
  }
  return Math.max(...times);
}

async function longestTask(page: Page): Promise<number> {
  return await page.evaluate<number>("Math.max(0, ...bench.tasks)");
}

/** The share of a core that the page uses meanwhile. */
async function cpuShare(session: CDPSession, during: () => Promise<void>): Promise<number> {
  const [began, used] = [performance.now(), await metric(session, "TaskDuration")];
  await during();
  return ((await metric(session, "TaskDuration")) - used) / ((performance.now() - began) / 1_000);
}

async function metric(session: CDPSession, name: string): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
}

/** Agents come and go at random, so that rows change their places. */
async function change(standIn: StandIn): Promise<void> {
  const end = performance.now() + FEED_MS;
  let generation = Date.now();
  for (let next = performance.now(); next < end; next += BATCH_MS) {
    const changed = Array.from({ length: (CHANGES * BATCH_MS) / 1_000 }, () => {
      const agent = standIn.agents[Math.floor(Math.random() * standIn.agents.length)];
      if (agent === undefined) throw new Error("there are no agents");
      generation += 1;
      const isGone = Math.random() < 0.5;
      return Object.assign(agent, {
        ...{ generation, since: Date.now(), lastSeen: Date.now() },
        ...(isGone ? { status: "offline", reason: "lost" } : { status: "online", reason: null }),
      });
    });
    standIn.tell(changed);
    await setTimeout(Math.max(0, next + BATCH_MS - performance.now()));
  }
}
