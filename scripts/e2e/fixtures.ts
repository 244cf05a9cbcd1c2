import { test as base } from "vitest";
import { Dashboard, launchBrowser } from "./dashboard.ts";
import { HandshakeProxy } from "./handshake-proxy.ts";
import { Lab } from "./lab.ts";

/** The end-to-end tests of a file share a lab with a running manager, and a browser. */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("lab", { scope: "file" }, async ({}, { onCleanup }) => {
    const lab = await Lab.open();
    onCleanup(() => lab.close());
    return lab;
  })
  .extend("manager", { scope: "file" }, async ({ lab }) => await lab.startManager())
  // Stands between that manager and the agents that use its URL.
  .extend("proxy", async ({ lab, manager: _ }, { onCleanup }) => {
    const proxy = await HandshakeProxy.open(lab.url);
    onCleanup(() => proxy.close());
    return proxy;
  })
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("browser", { scope: "file" }, async ({}, { onCleanup }) => {
    const browser = await launchBrowser();
    onCleanup(() => browser.close());
    return browser;
  })
  // Depends on the manager, because it is logged in.
  .extend("dashboard", async ({ lab, manager: _, browser }, { onCleanup }) => {
    const context = await browser.newContext();
    onCleanup(() => context.close());
    const dashboard = new Dashboard(await context.newPage());
    await dashboard.logIn(lab.url, lab.password);
    return dashboard;
  });
