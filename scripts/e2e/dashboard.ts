import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";

const names = ["chromium", "chromium-browser", "google-chrome"];

/** Starts a headless Chromium: CHROMIUM, or the first on the PATH. It makes no calls of its own. */
export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: process.env.CHROMIUM || (await findChromium()),
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
      ...["--disable-component-update", "--disable-sync"],
      // Chromium ignores a key that comes in the last 15 ms of a smooth scroll.
      "--disable-smooth-scrolling",
    ],
  });
}

async function findChromium(): Promise<string> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of names) {
      const file = join(folder, name);
      if (
        await access(file).then(
          () => true,
          () => false,
        )
      )
        return file;
    }
  }
  throw new Error("Chromium is needed: apt-get install chromium, or set CHROMIUM to its path");
}

/** The dashboard as an operator uses it: found by its texts and roles, not by its markup. */
export class Dashboard {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  async logIn(url: string, password: string): Promise<void> {
    await this.page.goto(url);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Log in" }).click();
    await this.page.getByRole("button", { name: "Log out" }).waitFor();
  }

  /** Waits until the header shows these numbers. */
  async untilCount(online: number, all: number, timeoutMs = 30_000): Promise<void> {
    const text = `${online} online / ${all} ${all === 1 ? "agent" : "agents"}`;
    await this.page.getByText(text, { exact: true }).waitFor({ timeout: timeoutMs });
  }

  /** Waits until the row of an agent shows that status. */
  async untilStatus(name: string, status: "online" | "offline", timeoutMs = 30_000): Promise<void> {
    const row = this.page
      .getByRole("row")
      .filter({ has: this.page.getByRole("rowheader").getByText(name, { exact: true }) });
    await row.getByText(new RegExp(`^${status}\\b`)).waitFor({ timeout: timeoutMs });
  }

  /** Waits until the page shows whether it hears from the manager. Its attempts to reconnect are up to 30 s apart. */
  async untilManager(state: "answers" | "is gone", timeoutMs = 40_000): Promise<void> {
    const text = state === "answers" ? /^Live$/ : /^(Reconnecting…|Manager unreachable\.)$/;
    await this.page.getByText(text).waitFor({ timeout: timeoutMs });
  }

  /** Waits for the announcement of an agent that has just come online. */
  async untilArrival(name: string, timeoutMs = 30_000): Promise<void> {
    const announcement = this.page.getByRole("status").filter({ hasText: "Agent online ✓" });
    await announcement.getByText(name).waitFor({ timeout: timeoutMs });
  }
}
