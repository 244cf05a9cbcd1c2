import { createHash } from "node:crypto";
import { expect } from "vitest";
import { AgentList } from "../stack/agent-binaries.ts";
import { test } from "./site.ts";

test("a binary is served as it was built, with its sum, and is asked for anew each time", async ({ lab, site }) => {
  const list = AgentList.parse(await (await fetch(`${lab.url}/download/agents.json`)).json());
  expect(list.version).toBe(site.version);
  const [binary] = list.binaries;
  const url = `${lab.url}/download/${binary?.file}`;
  const answer = await fetch(url);
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(binary?.sha256);
  expect(answer.headers.get("content-type")).toBe("application/octet-stream");
  expect(answer.headers.get("cache-control")).toBe("no-cache");
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");

  const sums = await fetch(`${lab.url}/download/SHA256SUMS`);
  expect(sums.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(await sums.text()).toBe(`${binary?.sha256}  ${binary?.file}\n`);

  const etag = answer.headers.get("etag") ?? "";
  expect((await fetch(url, { headers: { "If-None-Match": etag } })).status).toBe(304);
  const head = await fetch(url, { method: "HEAD" });
  expect(head.status).toBe(200);
  expect(await head.text()).toBe("");
});

test("a page of the dashboard is its one page; a file that is not there is not", async ({ lab, site: _ }) => {
  const index = await (await fetch(`${lab.url}/`)).text();
  for (const path of ["/agents/k3v", "/tokens", "/nowhere/at/all?x=1"]) {
    const page = await fetch(lab.url + path, { headers: { "sec-fetch-mode": "navigate", accept: "text/html" } });
    expect(page.status, path).toBe(200);
    expect(await page.text()).toBe(index);
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(page.headers.get("cache-control")).toContain("must-revalidate");
  }
  for (const path of [
    "/assets/AgentPage-0ld0ne.js",
    "/download/zedops-agent-plan9-mips",
    "/download/",
    "/robots.txt",
  ]) {
    const answer = await fetch(lab.url + path, { headers: { "sec-fetch-mode": "navigate", accept: "text/html" } });
    expect(answer.status, path).toBe(404);
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  }
  const api = await fetch(`${lab.url}/api/nowhere`, { headers: { "sec-fetch-mode": "navigate", accept: "text/html" } });
  expect(api.headers.get("content-type")).toContain("application/json");
});
