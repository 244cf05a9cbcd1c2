import { randomBytes, randomInt } from "node:crypto";
import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { inRepository } from "./repository.ts";

/** The secrets of the local manager. wrangler reads them from this file; git ignores it. */
export const devVarsFile = inRepository("manager/.dev.vars");

const generators: Record<string, () => string> = {
  ADMIN_PASSWORD: () => Array.from({ length: 4 }, passwordGroup).join("-"),
  JWT_SECRET: () => randomBytes(48).toString("base64url"),
};

/**
 * Makes sure that the file has every secret and that only its owner can read it. Existing values are kept. If two
 * scripts start at once, both use the file of the first.
 */
export async function ensureDevVars(file = devVarsFile): Promise<void> {
  const text = await readIfPresent(file);
  if (text === undefined) {
    try {
      await writeFile(file, lines(Object.keys(generators)), { flag: "wx", mode: 0o600 });
      return;
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
      return await ensureDevVars(file);
    }
  }
  const present = parseEnv(text);
  const absent = Object.keys(generators).filter((name) => !present[name]);
  if (absent.length > 0) {
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, `${text.trimEnd()}\n${lines(absent)}`.trimStart(), { mode: 0o600 });
    await rename(draft, file);
  }
  await chmod(file, 0o600);
}

/** The local manager's admin password; undefined if there is none yet. */
export async function localPassword(file = devVarsFile): Promise<string | undefined> {
  return parseEnv((await readIfPresent(file)) ?? "").ADMIN_PASSWORD || undefined;
}

function lines(names: readonly string[]): string {
  return names.map((name) => `${name}=${generators[name]?.()}\n`).join("");
}

/** Five characters that cannot be confused with each other. A password of four such groups has 99 bits. */
function passwordGroup(): string {
  const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  return Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join("");
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
