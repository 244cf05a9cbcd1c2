/** The look from outside, at a manager and at a server that does everything wrong. */
import { createServer, type Server } from "node:http";
import { afterEach, expect, test } from "vitest";
import { findFaults, hasInstaller, untilHealthy } from "../deploy/checks.ts";
import { cost } from "../deploy/fleet.ts";
import { Lab } from "../e2e/lab.ts";
import { listen } from "../e2e/listen.ts";
import type { Agent } from "../stack/admin.ts";

let server: Server | undefined;
afterEach(() => server?.closeAllConnections());

/** A server that answers every request with the same page, as a site without the Worker would. */
async function startSite(status = 200, text = "<!doctype html>"): Promise<string> {
  server = createServer((_, response) => response.writeHead(status, { "content-type": "text/html" }).end(text));
  server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"));
  return `http://127.0.0.1:${await listen(server, "127.0.0.1")}`;
}

test("a manager is as it should be, except for a download that it does not have", async () => {
  const lab = await Lab.open();
  try {
    await lab.startManager();
    await untilHealthy(lab.url);
    expect(await findFaults(lab.url, [{ path: "/index.html", bytes: 1 }])).toEqual([]);
    expect(await findFaults(lab.url, [{ path: "/download/no-such-file", bytes: 1 }])).toContainEqual(
      expect.stringContaining("/download/no-such-file answers"),
    );
  } finally {
    await lab.close();
  }
});

test("a site without the Worker has every fault", async () => {
  const url = await startSite();
  expect(await hasInstaller(url)).toBe(false);
  const faults = await findFaults(url, [{ path: "/download/zedops-agent", bytes: 1 }]);
  for (const fault of [
    "/ has no proper content-security-policy",
    "/ has no proper x-frame-options",
    "/api/agents answers 200 to a stranger, not 401",
    "/api/session logs in without a password",
    "/ws answers 101 to an upgrade without a token, not 401",
    "/download/zedops-agent answers 200 and not the file",
    "/install.sh answers 200 and not the installer",
  ])
    expect(faults).toContain(fault);
  await expect(untilHealthy(url, 0)).rejects.toThrow("does not answer as a manager: it answers 200");
});

test("a manager that refuses to serve says why, and one that is away is told apart", async () => {
  const url = await startSite(503, '{"error":{"code":"not_configured","message":"the secret JWT_SECRET is not set"}}');
  await expect(untilHealthy(url)).rejects.toThrow("the secret JWT_SECRET is not set");
  await expect(untilHealthy("http://127.0.0.1:1", 0)).rejects.toThrow("/healthz does not answer");
});

test("the cost of a deploy counts agents that came back, and agents that are away", () => {
  const agent = (id: string, connectedAt: number): [string, Agent] => [
    id,
    { id, name: id, status: "online", reason: null, connectedAt },
  ];
  const before = new Map([agent("stayed", 1), agent("came back", 1), agent("away", 1)]);
  const after = new Map([agent("stayed", 1), agent("came back", 2), agent("new", 3)]);
  expect(cost(before, after)).toEqual({ reconnected: 1, away: 1 });
});
