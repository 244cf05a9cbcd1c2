import type { IncomingMessage } from "node:http";
import type { ProxyOptions } from "vite";
import solid from "vite-plugin-solid";
import { defineConfig } from "vitest/config";

const { MANAGER_URL = "http://127.0.0.1:8787", UI_PORT = "5173", UI_STRICT_PORT = "1" } = process.env;
const manager = new URL(MANAGER_URL).origin;

/** The manager refuses mutations from a foreign Origin, and behind this proxy the page's origin is foreign to it.
 * Only the dev server's own pages are vouched for, so the proxy opens no door for other sites. */
function isOwnPage(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

const toManager: ProxyOptions = {
  target: manager,
  changeOrigin: true,
  configure(proxy) {
    proxy.on("proxyReq", (outgoing, incoming) => {
      if (isOwnPage(incoming)) outgoing.setHeader("origin", manager);
    });
  },
};

export default defineConfig({
  plugins: [solid()],
  build: {
    outDir: "dist",
    target: "baseline-widely-available",
    // The manager's Content-Security-Policy allows no data: URLs and no inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    port: Number(UI_PORT),
    strictPort: UI_STRICT_PORT !== "0",
    proxy: { "/api": toManager, "/healthz": toManager, "/ws": { ...toManager, ws: true } },
  },
  test: {
    environment: "jsdom",
    include: ["test/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
    // By role in jsdom is slow, and no test here measures time: only one that hangs should run into this.
    testTimeout: 60_000,
    restoreMocks: true,
    unstubGlobals: true,
  },
});
