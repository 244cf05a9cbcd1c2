// Takes docs/images/*.png: every screen of the dashboard, with invented hosts, light and dark, and some on a phone.
import { mkdir, writeFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { inRepository } from "../stack/repository.ts";
import { launchBrowser } from "./dashboard.ts";
import { inventAudit, inventFleet, inventHistory, inventTokens } from "./invented-fleet.ts";
import { shrinkPng } from "./png.ts";
import { StandIn } from "./stand-in.ts";

const folder = inRepository("docs/images");

interface Shot {
  name: string;
  path: string;
  /** Brings the page to what the picture shows. */
  prepare: (page: Page, standIn: StandIn) => Promise<void>;
  /** Taken on a phone too. */
  phone?: boolean;
}

const featured = "edge-ams-2";

const shots: readonly Shot[] = [
  {
    ...{ name: "agents", path: "/agents", phone: true },
    prepare: (page) => page.getByRole("link", { name: "edge-sin-2" }).waitFor(),
  },
  {
    ...{ name: "agent", path: "/agents", phone: true },
    prepare: async (page, standIn) => {
      const id = standIn.agents.find(({ name }) => name === featured)?.id;
      await page.goto(`${standIn.url}/agents/${id}`);
      await page.getByRole("list", { name: "Connection timeline" }).waitFor();
      await tellRoundTrips(page, standIn);
    },
  },
  {
    ...{ name: "add-agent", path: "/agents" },
    prepare: async (page) => {
      await page.getByRole("button", { name: "Add agent" }).click();
      await page.getByRole("textbox", { name: /^Name/ }).fill("shop-madrid");
      await page.getByRole("button", { name: "Create token" }).click();
      await page.getByText("Waiting for the host…").waitFor();
    },
  },
  {
    ...{ name: "tokens", path: "/tokens" },
    prepare: (page) => page.getByRole("rowheader", { name: "shop-madrid" }).waitFor(),
  },
  {
    ...{ name: "audit", path: "/audit" },
    prepare: (page) => page.getByRole("cell", { name: "Revoked agent" }).waitFor(),
  },
  {
    ...{ name: "publish", path: "/publish" },
    prepare: async (page) => {
      await page.getByLabel("Subject").fill("fleet.announce");
      await page.getByLabel(/^Data/).fill('{"text": "maintenance at 22:00"}');
      await page.getByRole("button", { name: "Publish" }).click();
      await page.getByText(/^Delivered to/).waitFor();
    },
  },
  {
    ...{ name: "settings", path: "/settings" },
    prepare: (page) => page.getByText("There are none.", { exact: true }).waitFor(),
  },
];

/** The page draws what it hears, so it hears of a few dozen heartbeats in a moment. */
async function tellRoundTrips(page: Page, standIn: StandIn): Promise<void> {
  for (let beat = 0; beat < 30; beat++) {
    standIn.tell(
      standIn.agents
        .filter(({ name }) => name === featured)
        .map((agent) => ({
          ...agent,
          ...{ lastSeen: Date.now(), rttMs: 11 + ((beat * 7) % 5) + (beat === 18 ? 23 : 0), skewMs: 2 - (beat >> 3) },
        })),
    );
    await page.waitForTimeout(60);
  }
}

async function take(browser: Browser, shot: Shot, name: string, width: number, height: number, isDark: boolean) {
  const context = await browser.newContext({
    ...{ viewport: { width, height }, deviceScaleFactor: 1.5, reducedMotion: "reduce" },
    ...{ colorScheme: isDark ? "dark" : "light", locale: "en-GB", timezoneId: "Europe/Amsterdam" },
  });
  try {
    const now = Date.now();
    const standIn = new StandIn(inventFleet(now));
    standIn.events = inventHistory(now);
    standIn.uptime = { day: 0.995, week: 0.988 };
    standIn.servedAgent = "1.4.0";
    [standIn.tokens, standIn.audit] = [inventTokens(now), inventAudit(now)];
    await standIn.serve(context);
    const page = await context.newPage();
    await page.goto(standIn.url + shot.path);
    await shot.prepare(page, standIn);
    // Nothing is under the pointer, and no cursor blinks.
    await page.mouse.move(0, 0);
    await writeFile(`${folder}/${name}.png`, shrinkPng(await page.screenshot({ caret: "hide" })));
    console.log(`docs/images/${name}.png`);
  } finally {
    await context.close();
  }
}

const browser = await launchBrowser();
try {
  await mkdir(folder, { recursive: true });
  for (const shot of shots) {
    await take(browser, shot, shot.name, 1_180, 740, false);
    await take(browser, shot, `${shot.name}-dark`, 1_180, 740, true);
    if (shot.phone) await take(browser, shot, `${shot.name}-phone`, 390, 780, false);
  }
} finally {
  await browser.close();
}
