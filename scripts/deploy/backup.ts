/** `make backup`: the registry as one file of SQL. */
import { access, chmod, rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { UserError } from "../stack/user-error.ts";
import { exportFile, findDatabase } from "./database.ts";
import { readExport } from "./export.ts";
import { keepsakeFile, readKeepsake } from "./keepsake.ts";
import { findTarget, writeConfig } from "./target.ts";
import { step, type Terminal } from "./terminal.ts";

/** Returns the path of the file. */
export async function backUp(terminal: Terminal, wanted: string | undefined): Promise<string> {
  const target = await findTarget(terminal);
  const file = resolve(wanted || `${target.name}-${new Date().toISOString().replaceAll(/[:.]/g, "-")}.sql`);
  if (await exists(file)) throw new UserError(`${file} exists; choose another: make backup FILE=…`);
  const id = await findDatabase(target);
  if (id === undefined) throw new UserError(`the account has no database ${target.name}`);
  const config = await writeConfig(target, id);
  const draft = `${file}.partial`;
  try {
    await step(terminal, "Exporting the database, which answers nothing else meanwhile", () =>
      exportFile(target, config, draft),
    );
    // It has hashes of tokens and the fleet's addresses.
    await chmod(draft, 0o600);
    const { agents } = await step(terminal, "Reading the export", () => readExport(draft));
    await rename(draft, file);
    terminal.say(`   Agents in ${file}: ${agents.length}`);
  } finally {
    await rm(draft, { force: true });
  }
  const { signingSecret } = await readKeepsake(target);
  terminal.say(
    signingSecret === undefined
      ? "   A restore into a new account needs JWT_SECRET too. This machine does not have it; keep your copy."
      : `   A restore into a new account needs JWT_SECRET too. Keep a copy of ${keepsakeFile(target)} with the file.`,
  );
  return file;
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
