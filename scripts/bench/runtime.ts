import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { readD1Migrations } from "@cloudflare/vitest-plugin";
import { Log, LogLevel, Miniflare } from "miniflare";
import { unstable_readConfig } from "wrangler";
import { z } from "zod";
import { processTree } from "../e2e/process-tree.ts";
import { inRepository, projectEnvironment, wrangler } from "../stack/repository.ts";
import { heapKib } from "./inspector.ts";
import { cpuMs } from "./process-usage.ts";

const CONFIG = inRepository("manager/wrangler.jsonc");
const WORKER = "zedops";
/** Statements that are sent to a database at once. */
const BATCH = 1_000;
const ONLINE_WITHIN_MS = 60_000;
/** How often the registry is asked who is online. Each time it adds some work to what is measured. */
const ASKED_EVERY_MS = 20;

/** The fields of wrangler.jsonc that the benchmark needs. */
const Config = z.object({
  compatibility_date: z.string(),
  vars: z.record(z.string(), z.string()),
  ratelimits: z.array(
    z.object({
      name: z.string(),
      namespace_id: z.string(),
      simple: z.object({ limit: z.number(), period: z.union([z.literal(10), z.literal(60)]) }),
    }),
  ),
});

/** A Worker of manager/bench as `wrangler deploy` would upload it. */
export interface Bundle {
  folder: string;
  file: string;
  /** The classes of its Durable Objects, by the names of their bindings. The hub is one of them. */
  objects: Record<string, string>;
}

/**
 * Bundles a Worker of manager/bench.
 * @param bare the classes of the objects that the hub is compared with, by the names of their bindings
 */
export async function bundle(name: string, bare: Record<string, string>): Promise<Bundle> {
  // wrangler.jsonc names the dashboard's files; the benchmark does without them.
  await mkdir(inRepository("ui/dist"), { recursive: true });
  const folder = await mkdtemp(join(tmpdir(), "zedops-bench-"));
  await promisify(execFile)(
    process.execPath,
    [
      ...[wrangler, "deploy", inRepository(`manager/bench/${name}.ts`), "--config", CONFIG],
      ...["--dry-run", "--outdir", folder],
    ],
    { env: projectEnvironment() },
  );
  return { folder, file: `${name}.js`, objects: { HUB: "AgentHub", ...bare } };
}

/**
 * A workerd process that runs one bundle, with the bindings of wrangler.jsonc. Clients connect to it directly, without
 * a proxy, and tracing is off.
 */
export class Runtime {
  readonly url: string;
  readonly password: string;
  readonly jwtSecret: string;
  readonly pid: number;
  readonly #miniflare: Miniflare;

  /**
   * Starts a bundle and migrates its database. The variables override those in wrangler.jsonc.
   * @param inspected whether {@link Runtime.heapKib} can be asked; a process that can be inspected is slower
   */
  static async start(
    { folder, file, objects }: Bundle,
    vars: Record<string, string>,
    { inspected = false } = {},
  ): Promise<Runtime> {
    const secrets = { ADMIN_PASSWORD: secret(), JWT_SECRET: secret() };
    const { compatibility_date, vars: given, ratelimits } = Config.parse(unstable_readConfig({ config: CONFIG }));
    const texts = {
      ...given,
      CLIENT_ADDRESS: "127.0.0.1",
      ...secrets,
      ...vars,
    };
    const before = await runtimes();
    const miniflare = new Miniflare({
      cf: false,
      ...(inspected && { inspectorPort: 0 }),
      log: new Log(LogLevel.WARN),
      workers: [
        {
          config: {
            name: WORKER,
            compatibilityDate: compatibility_date,
            manifest: {
              mainModule: file,
              modulesRoot: folder,
              modules: await modules(folder),
            },
            env: {
              ...Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, { type: "text", value }])),
              ...Object.fromEntries(
                ratelimits.map(({ name, namespace_id, simple }) => [
                  name,
                  { type: "rate-limit", namespace: namespace_id, simple },
                ]),
              ),
              DB: { type: "d1", id: "zedops" },
              ...Object.fromEntries(
                Object.entries(objects).map(([binding, exportName]) => [
                  binding,
                  { type: "durable-object", worker: WORKER, exportName },
                ]),
              ),
            },
            exports: Object.fromEntries(
              Object.values(objects).map((name) => [name, { type: "durable-object", storage: "sqlite" }]),
            ),
          },
          dev: { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] },
        },
      ],
    });
    await miniflare.ready;
    const [pid] = (await runtimes()).filter((candidate) => !before.includes(candidate));
    if (pid === undefined) throw new Error("no workerd has started");
    const database = await miniflare.getD1Database("DB");
    for (const { queries } of await readD1Migrations(inRepository("manager/migrations")))
      await database.batch(queries.map((query) => database.prepare(query)));
    return new Runtime(miniflare, pid, (await miniflare.unsafeGetDirectURL()).origin, secrets);
  }

  private constructor(
    miniflare: Miniflare,
    pid: number,
    url: string,
    secrets: { ADMIN_PASSWORD: string; JWT_SECRET: string },
  ) {
    this.#miniflare = miniflare;
    this.pid = pid;
    this.url = url;
    this.password = secrets.ADMIN_PASSWORD;
    this.jwtSecret = secrets.JWT_SECRET;
  }

  /** Runs one statement on the Worker's database for each row of values. */
  async fillDatabase(statement: string, rows: readonly (readonly string[])[]): Promise<void> {
    const database = await this.#miniflare.getD1Database("DB");
    // The runtime closes the connection on a batch of many thousands.
    for (let first = 0; first < rows.length; first += BATCH) {
      const some = rows.slice(first, first + BATCH);
      await database.batch(some.map((values) => database.prepare(statement).bind(...values)));
    }
  }

  /**
   * Waits until so many of the agents whose name begins with this are online in the registry.
   * @throws after a minute
   */
  async untilOnline(count: number, name = ""): Promise<void> {
    const database = await this.#miniflare.getD1Database("DB");
    const query = database
      .prepare("SELECT count(*) AS n FROM agents WHERE status = 'online' AND substr(name, 1, length(?1)) = ?1")
      .bind(name);
    const end = performance.now() + ONLINE_WITHIN_MS;
    for (;;) {
      const { n } = z.object({ n: z.number() }).parse(await query.first());
      if (n === count) return;
      if (performance.now() > end) throw new Error(`${n} agents are online after a minute, and not ${count}`);
      await pause(ASKED_EVERY_MS);
    }
  }

  /** Removes an object from memory and keeps its sockets, as the runtime does when an object is idle. */
  async hibernate(className: string, name: string): Promise<void> {
    await this.#miniflare.unsafeEvictDurableObject(WORKER, className, { name, webSockets: "hibernate" });
  }

  /** The CPU time that the process has used so far, in milliseconds. */
  async cpuMs(): Promise<number> {
    return cpuMs(this.pid);
  }

  /** The JavaScript heap of the Worker and its objects after a collection, in KiB. */
  async heapKib(): Promise<number> {
    const url = await this.#miniflare.getInspectorURL();
    return heapKib(new URL(`/core:user:${WORKER}`, url), () => fetch(`${this.url}/healthz`));
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
  }
}
/** Deletes a bundle. */
export async function deleteBundle({ folder }: Bundle): Promise<void> {
  await rm(folder, { recursive: true });
}

/** What the bundle consists of: the script, and the texts that it imports. */
async function modules(folder: string): Promise<Record<string, { type: "esm" | "text"; contents: string }>> {
  const files = (await readdir(folder)).filter((name) => /\.(js|sh)$/.test(name));
  const entries = files.map(async (name) => {
    const contents = await readFile(join(folder, name), "utf8");
    return [name, { type: name.endsWith(".js") ? "esm" : "text", contents }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

function secret(): string {
  return randomBytes(32).toString("base64url");
}

/** The process ids of the workerd processes that this process has started. */
async function runtimes(): Promise<number[]> {
  const tree = await processTree(process.pid);
  return tree.flatMap(({ pid, command }) => (/\/workerd serve /.test(command) ? [pid] : []));
}
