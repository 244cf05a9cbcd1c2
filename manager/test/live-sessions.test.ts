/** A feed ends with its session, or with the password, at the next sweep of its hub. Time is simulated. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type Beating, openPage } from "./live-page.ts";
import { BASIC, fetchManager, hub } from "./manager.ts";
import { countRows } from "./rows.ts";
import { ageSession, logIn } from "./sessions.ts";
import { SimulatedTime } from "./simulated-time.ts";
import { SOON } from "./soon.ts";

const IDLE_MS = 12 * 3_600_000;
const OVER = { code: 4401, reason: "session_over" };
/** A sweep comes in every interval. */
const INTERVAL_MS = 30_000;

let time: SimulatedTime;
beforeEach(async () => {
  time = await SimulatedTime.begin(["hub-0"]);
});

/** Lets time pass. The pages beat. */
async function pass(ms: number, pages: readonly Beating[]): Promise<void> {
  await time.pass(ms, async () => {
    await Promise.all(pages.map((page) => page.beat()));
  });
  await time.untilIdle();
}

/** A session that ends in 20 s if nobody uses it. */
async function ending() {
  const session = await logIn();
  await ageSession(session, IDLE_MS, IDLE_MS - 20_000);
  return session;
}

describe("a session that was used last 12 hours ago", () => {
  it("ends with its feeds, and no other feed: D1 is asked once, when its time has come", async () => {
    const [session, other] = [await ending(), await logIn()];
    const pages = [await openPage(session.headers), await openPage(session.headers)];
    const others = [await openPage(other.headers), await openPage({ Authorization: BASIC })];
    const rows = countRows();
    await pass(10_000, [...pages, ...others]);
    expect(rows.statements).toEqual([]);
    await pass(10_000 + INTERVAL_MS, [...pages, ...others]);
    await vi.waitFor(() => expect(pages.map(({ closed }) => closed)).toEqual([OVER, OVER]), SOON);
    expect(others.map(({ closed }) => closed)).toEqual([null, null]);
    expect(rows.statements.filter((sql) => sql.includes("sessions"))).toHaveLength(1);
  });

  it("goes on with its feeds if a person has used it meanwhile, and the hub does not ask again", async () => {
    const session = await ending();
    const page = await openPage(session.headers);
    expect((await fetchManager("/api/agents?limit=1", { headers: session.headers })).status).toBe(200);
    const rows = countRows();
    await pass(20_000 + INTERVAL_MS, [page]);
    await vi.waitFor(() => expect(rows.statements).toHaveLength(1), SOON);
    await evictDurableObject(hub());
    await pass(2 * INTERVAL_MS, [page]);
    expect(rows.statements).toHaveLength(1);
    expect(page.closed).toBeNull();
  });

  it("ends although its page reads the list by itself and keeps its feed open", async () => {
    const session = await ending();
    const page = await openPage(session.headers);
    const headers = { ...session.headers, "Zedops-Unattended": "true" };
    expect((await fetchManager("/api/agents?limit=1", { headers })).status).toBe(200);
    await pass(20_000 + INTERVAL_MS, [page]);
    await vi.waitFor(() => expect(page.closed).toEqual(OVER), SOON);
    expect((await fetchManager("/api/agents?limit=1", { headers })).status).toBe(401);
  });

  it("keeps its feeds while D1 fails", async () => {
    const session = await ending();
    const page = await openPage(session.headers);
    await env.DB.exec("ALTER TABLE sessions RENAME TO hidden");
    await pass(20_000 + INTERVAL_MS, [page]).finally(() => env.DB.exec("ALTER TABLE hidden RENAME TO sessions"));
    expect(page.closed).toBeNull();
    await pass(INTERVAL_MS, [page]);
    await vi.waitFor(() => expect(page.closed).toEqual(OVER), SOON);
  });
});

it("another admin password ends every feed, and a feed that shows the new one stays", async () => {
  const before = env.ADMIN_PASSWORD;
  const session = await logIn();
  const pages = [await openPage(session.headers), await openPage({ Authorization: BASIC })];
  try {
    // A deploy: the Worker has the new password at once, and the hub when it wakes.
    env.ADMIN_PASSWORD = "another password";
    await time.untilIdle();
    await evictDurableObject(hub());
    const page = await openPage({ Authorization: `Basic ${btoa("admin:another password")}` });
    await pass(INTERVAL_MS, [...pages, page]);
    await vi.waitFor(() => expect(pages.map(({ closed }) => closed)).toEqual([OVER, OVER]), SOON);
    expect(page.closed).toBeNull();
    expect((await fetchManager("/api/agents?limit=1", { headers: session.headers })).status).toBe(401);
  } finally {
    env.ADMIN_PASSWORD = before;
    await evictDurableObject(hub());
  }
});
