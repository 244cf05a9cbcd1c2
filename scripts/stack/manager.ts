import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Child, describeEnding } from "./child.ts";
import { claimDataDir } from "./data-dir.ts";
import { ensureDevVars } from "./dev-vars.ts";
import { inRepository, projectEnvironment, wrangler } from "./repository.ts";
import { localUrl, type Settings } from "./settings.ts";
import type { Stack } from "./stack.ts";
import { UserError } from "./user-error.ts";

/** Much longer than a start takes: a manager that needs longer hangs. */
const READY_WITHIN_MS = 60_000;
const POLL_MS = 50;

export interface ManagerOptions {
  /** Variables that override those in wrangler.jsonc. */
  vars?: Readonly<Record<string, string>>;
  /** The configuration of the Worker to run; this repository's by default. */
  config?: string;
  onLine?: (line: string) => void;
}

/**
 * Migrates the database in the data directory, starts the manager with `wrangler dev`, and resolves when it serves.
 * Throws a UserError if the port is taken or the manager does not come up.
 */
export async function startManager(
  stack: Stack,
  { host, port, dataDir }: Pick<Settings, "host" | "port" | "dataDir">,
  { vars = {}, config = inRepository("manager/wrangler.jsonc"), onLine }: ManagerOptions = {},
): Promise<Child> {
  // Before the port, because its message names the process.
  stack.onStopped(await claimDataDir(dataDir, port));
  await refuseTakenPort(host, port);
  await ensureDevVars();
  const persistTo = join(dataDir, "manager");
  const env = environment(dataDir);

  const migrations = stack.start({
    name: "database migration",
    file: process.execPath,
    args: [wrangler, "d1", "migrations", "apply", "DB", "--local", "--persist-to", persistTo, "--config", config],
    env,
  });
  if ((await migrations.ended) !== 0) throw new UserError(`the database migration failed:\n${migrations.tail}`);

  const manager = stack.start({
    name: "manager",
    file: process.execPath,
    args: [
      ...[wrangler, "dev", "--config", config, "--persist-to", persistTo],
      ...["--ip", host, "--port", String(port), "--inspector-port", "0", "--show-interactive-dev-session=false"],
      ...Object.entries({ CLIENT_ADDRESS: clientAddress(host), ...vars }).flatMap(([name, value]) => [
        "--var",
        `${name}:${value}`,
      ]),
    ],
    env,
    ...(onLine && { onLine }),
  });
  const ready = new AbortController();
  const ended = manager.ended.then((ending) => {
    throw new UserError(`the manager ended with ${describeEnding(ending)}:\n${manager.tail}`);
  });
  try {
    await Promise.race([ended, untilHealthy(localUrl(host, port), ready.signal)]);
  } finally {
    ended.catch(() => {});
    ready.abort();
  }
  return manager;
}

/**
 * What the manager takes for its clients' address. wrangler passes a client's own CF-Connecting-IP on, so that header is not
 * believed. On loopback every client is this machine; elsewhere nothing tells.
 */
export function clientAddress(host: string): string {
  if (host === "localhost" || host.startsWith("127.")) return "127.0.0.1";
  return host === "::1" ? "::1" : "unknown";
}

async function refuseTakenPort(host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const probe = createServer();
  probe.once("error", (error) => {
    const taken = "code" in error && error.code === "EADDRINUSE";
    reject(new UserError(taken ? `port ${port} is in use; choose another: PORT=…` : `cannot listen: ${error.message}`));
  });
  probe.listen({ host, port }, () => probe.close(() => resolve()));
  await promise;
}

async function untilHealthy(url: string, stop: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!stop.aborted) {
    const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.ok) return;
    // A secret is wrong, so waiting does not help.
    if (answer?.status === 503) throw new UserError(`the manager refuses to serve: ${await answer.text()}`);
    if (performance.now() > deadline) throw new UserError(`the manager does not answer on ${url}`);
    await pause(POLL_MS);
  }
}

/**
 * The environment of wrangler: no prompts, no look-ups, no logs in the home directory, secrets only from
 * manager/.dev.vars. With a CLOUDFLARE_ENV, wrangler would read another file.
 */
function environment(dataDir: string): NodeJS.ProcessEnv {
  const { ADMIN_PASSWORD, JWT_SECRET, TOKEN, CLOUDFLARE_ENV, ...inherited } = projectEnvironment();
  return {
    ...inherited,
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    // Warnings and errors only by default: a line per request helps nobody.
    WRANGLER_LOG: inherited.WRANGLER_LOG ?? "warn",
    WRANGLER_LOG_PATH: join(dataDir, "logs"),
    WRANGLER_NO_SKILLS_UPDATE_PROMPTS: "true",
    WRANGLER_REGISTRY_PATH: join(dataDir, "registry"),
    // The local trace store, which the explorer reads, makes every message about 18 times slower.
    X_LOCAL_EXPLORER: "false",
    X_LOCAL_OBSERVABILITY: "false",
  };
}
