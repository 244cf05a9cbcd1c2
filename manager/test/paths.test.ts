import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import script from "../src/http/install.sh";
import worker from "../src/index.ts";
import { fetchManager, ORIGIN } from "./manager.ts";

/** Asks for a URL of any host: the name of the manager is in it. */
async function serve(url: string, headers: Record<string, string> = {}): Promise<Response> {
  const ctx = createExecutionContext();
  const response = await worker.fetch(new Request(url, { headers }), env, ctx);
  await waitOnExecutionContext(ctx);
  return response;
}

describe("a path that is no file of the dashboard", () => {
  it.each([
    "/download/zedops-agent-plan9-mips",
    "/download/",
    "/download",
    "/assets/AgentPage-0ld0ne.js",
    "/favicon.ico",
    "/wp-login.php",
    "/api.json",
  ])("%s is not found, in plain text that nobody may keep", async (path) => {
    const response = await fetchManager(path);
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await response.text()).toBe(`there is no ${path}\n`);
  });

  it("is an empty list, if it is the list of agents and none were built", async () => {
    const response = await fetchManager("/download/agents.json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual({ version: null, binaries: [] });
  });

  it("has no body for HEAD", async () => {
    const response = await fetchManager("/download/none", { method: "HEAD" });
    expect(response.status).toBe(404);
    expect(await response.text()).toBe("");
  });

  it.each(["/api/nothing", "/api"])("%s is the API's, which answers in JSON", async (path) => {
    const response = await fetchManager(path);
    expect([401, 404]).toContain(response.status);
    expect(await response.json()).toMatchObject({ error: { code: expect.any(String) } });
  });
});

describe("/install.sh", () => {
  it("is the script, with the URL of this manager and nothing else changed", async () => {
    const response = await fetchManager("/install.sh");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/x-shellscript; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await response.text()).toBe(script.replaceAll("@MANAGER@", ORIGIN));
  });

  it("has https in its URL if a proxy in front ends TLS", async () => {
    const response = await serve("http://manager.internal:8787/install.sh", { "X-Forwarded-Proto": "https" });
    expect(await response.text()).toContain("MANAGER='https://manager.internal:8787'");
  });

  it.each([
    ["https://zedops.example.com:8443/install.sh?x=1", "https://zedops.example.com:8443"],
    ["http://[2001:db8::1]:8787/install.sh", "http://[2001:db8::1]:8787"],
  ])("takes the URL that it was asked for: %s", async (url, origin) => {
    expect(await (await serve(url)).text()).toContain(`MANAGER='${origin}'`);
  });

  it.each([
    "http://a';reboot;'.example/install.sh",
    "http://$(reboot).example/install.sh",
    "http://`reboot`/install.sh",
  ])("writes no host name into the script that a shell could run: %s", async (url) => {
    const response = await serve(url);
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain("reboot");
  });
});
