import { mkdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { getSystemErrorMessage } from "node:util";
import { z } from "zod";
import { UserError } from "./user-error.ts";

/** Who runs a manager on a directory; for messages only. */
const Holder = z.object({ pid: z.number(), host: z.string(), port: z.number(), since: z.string() });

/** The locks of this process, by lock file. */
const held = new Map<string, { lock: DatabaseSync; claims: number }>();

/** SQLite's result code for a lock that another process has. */
const SQLITE_BUSY = 5;

/**
 * Makes the data directory and locks it for this process, because two managers with one database damage it. Returns a
 * function that unlocks it. A process may claim a directory again, to run its manager again. Throws a UserError if
 * another process has the directory or if it cannot be written.
 *
 * Node has no file locks, so SQLite locks a file that is a database with nothing in it. The kernel drops that lock when
 * the process ends in any way, and it counts in every pid namespace.
 */
export async function claimDataDir(dataDir: string, port: number): Promise<() => Promise<void>> {
  await makeDirectory(dataDir).catch((error: unknown) => unusable(dataDir, error));
  const directory = await realpath(dataDir);
  const file = join(directory, "manager.lock");
  const notes = join(directory, "manager.holder");
  const claim = held.get(file) ?? { lock: await lock(file, dataDir, notes), claims: 0 };
  claim.claims++;
  held.set(file, claim);
  const holder: z.infer<typeof Holder> = { pid: process.pid, host: hostname(), port, since: new Date().toISOString() };
  await writeFile(notes, `${JSON.stringify(holder)}\n`, { mode: 0o600 }).catch((error: unknown) => {
    release(file);
    unusable(dataDir, error);
  });
  return async () => {
    if (held.get(file)?.claims === 1) await rm(notes, { force: true });
    release(file);
  };
}

async function lock(file: string, dataDir: string, notes: string): Promise<DatabaseSync> {
  // Not by SQLite, which hides the system's reason. An existing file is not opened, because closing it would drop locks
  // of this process.
  await writeFile(file, "", { flag: "wx", mode: 0o600 }).catch((error: unknown) => {
    if (!(isSystemError(error) && error.code === "EEXIST")) unusable(dataDir, error);
  });
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database?.close();
    if (!(error instanceof Error && "errcode" in error)) throw error;
    if (error.errcode === SQLITE_BUSY) throw new UserError(await describeHolder(dataDir, notes));
    throw new UserError(`DATA_DIR cannot be ${dataDir}: ${file} cannot be locked: ${error.message}`);
  }
}

function release(file: string): void {
  const claim = held.get(file);
  if (claim === undefined || --claim.claims > 0) return;
  held.delete(file);
  claim.lock.close();
}

async function describeHolder(dataDir: string, notes: string): Promise<string> {
  const choose = "choose another: DATA_DIR=… PORT=…";
  try {
    const { pid, host, port, since } = Holder.parse(JSON.parse(await readFile(notes, "utf8")));
    const where = host === hostname() ? "" : ` of ${host}`;
    return `process ${pid}${where} runs a manager on ${dataDir}, on port ${port}, since ${since}; stop it (kill ${pid}) or ${choose}`;
  } catch {
    return `another process has locked ${dataDir}, or its file system has no locks; ${choose}`;
  }
}

/** Makes a directory and its parents. Node's `recursive` option never returns if the system refuses, as in /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (isSystemError(error) && error.code === "EEXIST") return;
    const parent = dirname(path);
    if (!isSystemError(error) || error.code !== "ENOENT" || parent === path) throw error;
    await makeDirectory(parent);
    await mkdir(path, { mode: 0o700 });
  }
}

function unusable(dataDir: string, error: unknown): never {
  if (!isSystemError(error) || error.errno === undefined) throw error;
  throw new UserError(`DATA_DIR cannot be ${dataDir}: ${getSystemErrorMessage(error.errno)}`);
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error;
}
