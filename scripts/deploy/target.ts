import { copyFile, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { experimental_patchConfig as patchConfig, unstable_readConfig as readConfig } from "wrangler";
import { z } from "zod";
import { inRepository } from "../stack/repository.ts";
import { UserError } from "../stack/user-error.ts";
import { type Account, findAccount } from "./account.ts";
import type { Terminal } from "./terminal.ts";

/** A manager in an account: the Worker and the D1 database that has its name. */
export interface Target {
  readonly account: Account;
  /** The name of the Worker and of its database. */
  readonly name: string;
  /** The database that manager/wrangler.jsonc names; undefined if it is found by its name. */
  readonly databaseId: string | undefined;
  /** The folder for what this machine keeps of deployed managers. Git ignores it. */
  readonly folder: string;
  /** The terminal, with the account in its environment. */
  readonly terminal: Terminal;
}

const source = inRepository("manager/wrangler.jsonc");

/** The full path of a path in the tracked configuration. */
const fromManager = (path: string): string => resolve(inRepository("manager"), path);

/** The id in the tracked configuration, which only the local manager uses. */
const LOCAL_ID = "00000000-0000-0000-0000-000000000000";

const Config = z.object({
  name: z.string(),
  main: z.string(),
  assets: z.object({ directory: z.string() }),
  d1_databases: z.tuple([z.looseObject({ binding: z.literal("DB"), database_id: z.string() })]),
});

/** Checks the log-in and says which manager the command is about: WORKER, or the name in the configuration. */
export async function findTarget(terminal: Terminal): Promise<Target> {
  const config = Config.parse(readConfig({ config: source }));
  const name = terminal.env.WORKER || config.name;
  if (!/^[a-z0-9]([a-z0-9-]{0,52}[a-z0-9])?$/.test(name))
    throw new UserError(`WORKER must be a name of lower-case letters, digits and hyphens, not "${name}"`);
  const [{ database_id: id }] = config.d1_databases;
  const account = await findAccount(terminal);
  return {
    ...{ account, name, databaseId: id === LOCAL_ID ? undefined : id },
    folder: resolve(terminal.env.DATA_DIR || inRepository(".zedops"), "deployments"),
    terminal: { ...terminal, env: { ...terminal.env, CLOUDFLARE_ACCOUNT_ID: account.id } },
  };
}

/** The path of a file that this machine keeps of the manager. */
export function ownFile({ folder, account, name }: Target, ending: string): string {
  return join(folder, `${name}.${account.id}.${ending}`);
}

/**
 * Writes the configuration for wrangler: the tracked one, with the name and the database of this manager. Nobody has to
 * edit the tracked file. Returns its path.
 */
export async function writeConfig(target: Target, databaseId: string): Promise<string> {
  const { main, assets } = Config.parse(readConfig({ config: source }));
  await mkdir(target.folder, { recursive: true, mode: 0o700 });
  const file = ownFile(target, "wrangler.jsonc");
  await copyFile(source, file);
  const database = { binding: "DB", database_name: target.name, database_id: databaseId };
  patchConfig(
    file,
    {
      ...{
        $schema: inRepository("node_modules/wrangler/config-schema.json"),
        name: target.name,
        main: fromManager(main),
      },
      assets: { directory: fromManager(assets.directory) },
      d1_databases: [{ ...database, migrations_dir: fromManager("migrations") }],
    },
    false,
  );
  return file;
}
