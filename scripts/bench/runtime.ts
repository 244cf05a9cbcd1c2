import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { readD1Migrations } from "@cloudflare/vitest-plugin";
import { Log, LogLevel, Miniflare } from "miniflare";
import { unstable_readConfig } from "wrangler";
import { z } from "zod";
import { processTree } from "../e2e/process-tree.ts";
import { inRepository, projectEnvironment, wrangler } from "../stack/repository.ts";

const CONFIG = inRepository("manager/wrangler.jsonc");
const WORKER = "zedops";
const BUNDLE = "sleep-worker.js";

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

/** Linux counts the CPU time of a process in steps of 10 ms. */
const MS_PER_TICK = 10;

/** Bundles manager/bench/sleep-worker.ts as `wrangler deploy` would. Returns the folder of the bundle. */
export async function bundle(): Promise<string> {
  // wrangler.jsonc names the dashboard's files; the benchmark does without them.
  await mkdir(inRepository("ui/dist"), { recursive: true });
  const folder = await mkdtemp(join(tmpdir(), "zedops-bench-"));
  await promisify(execFile)(
    process.execPath,
    [
      ...[wrangler, "deploy", inRepository("manager/bench/sleep-worker.ts"), "--config", CONFIG],
      ...["--dry-run", "--outdir", folder],
    ],
    { env: projectEnvironment() },
  );
  return folder;
}

/**
 * A workerd process that runs one bundle, with the bindings of wrangler.jsonc. Clients connect to it directly, without
 * a proxy, and tracing is off.
 */
export class Runtime {
  readonly url: string;
  readonly password: string;
  readonly pid: number;
  readonly #miniflare: Miniflare;

  /** Starts a bundle and migrates its database. The variables override those in wrangler.jsonc. */
  static async start(folder: string, vars: Record<string, string>): Promise<Runtime> {
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
      log: new Log(LogLevel.WARN),
      workers: [
        {
          config: {
            name: WORKER,
            compatibilityDate: compatibility_date,
            manifest: {
              mainModule: BUNDLE,
              modulesRoot: folder,
              modules: { [BUNDLE]: { type: "esm", contents: await readFile(join(folder, BUNDLE), "utf8") } },
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
              HUB: { type: "durable-object", worker: WORKER, exportName: "AgentHub" },
              BARE: { type: "durable-object", worker: WORKER, exportName: "Bare" },
            },
            exports: {
              AgentHub: { type: "durable-object", storage: "sqlite" },
              Bare: { type: "durable-object", storage: "sqlite" },
            },
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
    return new Runtime(miniflare, pid, (await miniflare.unsafeGetDirectURL()).origin, secrets.ADMIN_PASSWORD);
  }

  private constructor(miniflare: Miniflare, pid: number, url: string, password: string) {
    this.#miniflare = miniflare;
    this.pid = pid;
    this.url = url;
    this.password = password;
  }

  /** Removes an object from memory and keeps its sockets, as the runtime does when an object is idle. */
  async hibernate(className: string, name: string): Promise<void> {
    await this.#miniflare.unsafeEvictDurableObject(WORKER, className, { name, webSockets: "hibernate" });
  }

  /** The CPU time that the process has used so far, in milliseconds. */
  async cpuMs(): Promise<number> {
    const stat = await readFile(`/proc/${this.pid}/stat`, "utf8");
    // "pid (name) state …"; the name may contain anything. The 14th and 15th fields are user and system time.
    const [user, system] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13);
    return (Number(user) + Number(system)) * MS_PER_TICK;
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
  }
}

/** Deletes a bundle. */
export async function deleteBundle(folder: string): Promise<void> {
  await rm(folder, { recursive: true });
}

function secret(): string {
  return randomBytes(32).toString("base64url");
}

/** The process ids of the workerd processes that this process has started. */
async function runtimes(): Promise<number[]> {
  const tree = await processTree(process.pid);
  return tree.flatMap(({ pid, command }) => (/\/workerd serve /.test(command) ? [pid] : []));
}
