/** The part of the benchmark about the manager that `make up` starts: echoes of it, and of a bare object beside it. */
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unstable_readConfig } from "wrangler";
import { ownPort } from "../e2e/own-port.ts";
import { Admin } from "../stack/admin.ts";
import { devVarsFile, ensureDevVars, localPassword } from "../stack/dev-vars.ts";
import { startManager } from "../stack/manager.ts";
import { inRepository } from "../stack/repository.ts";
import { localUrl } from "../stack/settings.ts";
import { Stack } from "../stack/stack.ts";
import { type Spread, spread } from "./figures.ts";
import { Load } from "./load.ts";

const ECHOES = 2_000;
const FLIGHTS = 10_000;
const IN_FLIGHT = 100;
const HOST = "127.0.0.1";

export interface DevServerFigures {
  name: string;
  latencyUs: Spread;
  /** Echoes per second with 100 of them on their way. */
  perSecond: Spread;
}

/** Echoes through `wrangler dev`, in turn of the manager and of a bare object in the same process. */
export async function measureDevServer(
  vars: Record<string, string>,
  binary: string,
  rounds: number,
): Promise<DevServerFigures[]> {
  const folder = await mkdtemp(join(tmpdir(), "zedops-bench-dev-"));
  const stack = new Stack();
  const loads: Load[] = [];
  try {
    await ensureDevVars();
    const port = await ownPort();
    const config = await writeConfig(folder);
    await startManager(stack, { host: HOST, port, dataDir: join(folder, "data") }, { vars, config });
    const url = localUrl(HOST, port);
    const admin = new Admin(new URL(url), (await localPassword()) ?? "");
    const sides = [
      { name: "manager", path: "/ws", more: { token: await admin.mintToken({}), registers: true } },
      { name: "bare object", path: "/bare", more: {} },
    ].map((side) => ({ ...side, load: new Load(binary), latency: [] as number[], perSecond: [] as number[] }));
    loads.push(...sides.map(({ load }) => load));
    for (const { load, path, more } of sides) {
      await load.order({ do: "open", group: "one", url: `${url}${path}`.replace(/^http/, "ws"), count: 1, ...more });
      await load.order({ do: "flight", group: "one", count: FLIGHTS, inFlight: IN_FLIGHT });
    }
    for (let round = 0; round < rounds; round++) {
      for (const { load, latency, perSecond } of sides) {
        latency.push((await load.order({ do: "echo", group: "one", count: ECHOES })).medianUs ?? Number.NaN);
        const { ms } = await load.order({ do: "flight", group: "one", count: FLIGHTS, inFlight: IN_FLIGHT });
        perSecond.push(FLIGHTS / (ms / 1000));
      }
    }
    return sides.map(({ name, latency, perSecond }) => ({
      name,
      latencyUs: spread(latency),
      perSecond: spread(perSecond),
    }));
  } finally {
    await Promise.all(loads.map((load) => load.end()));
    await stack.stop();
    await rm(folder, { recursive: true });
  }
}

/** The configuration that `make up` uses, with the Worker of the benchmark and its bare objects. */
async function writeConfig(folder: string): Promise<string> {
  // wrangler reads the secrets beside the configuration.
  await copyFile(devVarsFile, join(folder, ".dev.vars"));
  const own = unstable_readConfig({ config: inRepository("manager/wrangler.jsonc") });
  const classes = { BARE: "Bare", PARSING: "Parsing", VERIFIED: "Verified" };
  const file = join(folder, "wrangler.json");
  const { name, compatibility_date, keep_names, vars, ratelimits, rules, d1_databases, durable_objects } = own;
  const config = {
    ...{ name, compatibility_date, keep_names, vars, ratelimits, rules },
    main: inRepository("manager/bench/message-worker.ts"),
    d1_databases: d1_databases.map((database: object) => ({
      ...database,
      migrations_dir: inRepository("manager/migrations"),
    })),
    durable_objects: {
      bindings: [
        ...durable_objects.bindings,
        ...Object.entries(classes).map(([name, class_name]) => ({ name, class_name })),
      ],
    },
    migrations: [{ tag: "v1", new_sqlite_classes: ["AgentHub", ...Object.values(classes)] }],
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}
