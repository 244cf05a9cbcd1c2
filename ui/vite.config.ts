import type { ClientRequest, IncomingMessage } from "node:http";
import type { ProxyOptions } from "vite";
import solid from "vite-plugin-solid";
import { defineConfig } from "vitest/config";

const { MANAGER_URL = "http://127.0.0.1:8787", UI_PORT = "5173", UI_STRICT_PORT = "1" } = process.env;
const manager = new URL(MANAGER_URL).origin;

/**
 * The manager refuses mutations and the live feed from a foreign Origin, and the origin of a page behind this proxy is foreign. The proxy
 * replaces it for the dev server's own pages only, so that other sites stay refused.
 */
function isOwnPage(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

const toManager: ProxyOptions = {
  target: manager,
  changeOrigin: true,
  configure(proxy) {
    const setOrigin = (outgoing: ClientRequest, incoming: IncomingMessage) => {
      if (isOwnPage(incoming)) outgoing.setHeader("origin", manager);
    };
    proxy.on("proxyReq", setOrigin);
    proxy.on("proxyReqWs", setOrigin);
  },
};

export default defineConfig({
  plugins: [solid()],
  build: {
    outDir: "dist",
    target: "baseline-widely-available",
    // The manager's Content-Security-Policy allows no data: URLs and no inline scripts.
    assetsInlineLimit: 0,
    modulePreload: {
      polyfill: false,
      // A screen that is loaded later imports its scripts itself. A list of them would make the first screen larger.
      resolveDependencies: (_, files, { hostType }) =>
        hostType === "html" ? files : files.filter((file) => file.endsWith(".css")),
    },
  },
  server: {
    port: Number(UI_PORT),
    strictPort: UI_STRICT_PORT !== "0",
    proxy: {
      "/api": { ...toManager, ws: true },
      "/healthz": toManager,
      "/download": toManager,
      "/ws": { ...toManager, ws: true },
    },
  },
  test: {
    environment: "jsdom",
    include: ["test/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
    // Queries by role are slow in jsdom. No test here measures time, so only a test that hangs reaches this.
    testTimeout: 60_000,
    restoreMocks: true,
    unstubGlobals: true,
  },
});
