import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { getSystemErrorMessage } from "node:util";
import { UserError } from "./user-error.ts";

/**
 * Makes the data directory and locks it for this process, because two managers with one database damage it. Returns a
 * function that unlocks it. Throws a UserError if another process has it or if it cannot be written.
 */
export async function claimDataDir(dataDir: string): Promise<() => Promise<void>> {
  await makeDirectory(dataDir).catch((error: unknown) => unusable(dataDir, error));
  const file = join(dataDir, "manager.pid");
  const holder = Number(await readFile(file, "utf8").catch(() => ""));
  if (holder > 0 && holder !== process.pid && isAlive(holder)) {
    throw new UserError(
      `process ${holder} runs a manager on ${dataDir}; choose another: DATA_DIR=… (or delete ${file})`,
    );
  }
  await writeFile(file, `${process.pid}\n`).catch((error: unknown) => unusable(dataDir, error));
  return () => rm(file, { force: true });
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

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
