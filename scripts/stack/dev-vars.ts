import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { chmod, copyFile, link, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { getSystemErrorMessage } from "node:util";
import { parse } from "dotenv";
import { inRepository } from "./repository.ts";
import { UserError } from "./user-error.ts";

/** The secrets of the local manager. wrangler reads them from this file; git ignores it. */
export const devVarsFile = inRepository("manager/.dev.vars");

const generators: Record<string, () => string> = {
  ADMIN_PASSWORD: () => Array.from({ length: 4 }, passwordGroup).join("-"),
  JWT_SECRET: () => randomBytes(48).toString("base64url"),
};

/**
 * Makes sure that the file has every secret and that only its owner can read it. Existing values are kept. A secret that
 * the file names is never made anew: a new JWT_SECRET locks every agent out. If two scripts start at once, both use the
 * file of the first.
 */
export async function ensureDevVars(file = devVarsFile): Promise<void> {
  const text = await readIfPresent(file);
  if (text === undefined) {
    // It must appear with its content: another script would take an empty file for one without secrets, and replace it.
    const draft = draftOf(file);
    await writeFile(draft, lines(Object.keys(generators)), { mode: 0o600 });
    try {
      await link(draft, file);
      return;
    } catch (error) {
      if (isErrno(error, "EEXIST")) return await ensureDevVars(file);
      // A file system without hard links, such as that of a USB stick.
      if (!isErrno(error, "EPERM") && !isErrno(error, "ENOTSUP")) throw error;
      await copyFile(draft, file, constants.COPYFILE_EXCL);
      return;
    } finally {
      await unlink(draft);
    }
  }
  const present = parse(text);
  const absent = Object.keys(generators).filter((name) => !present[name]);
  for (const name of absent) refuseIfNamed(file, text, name);
  if (absent.length > 0) {
    const longer = `${text.trimEnd()}\n${lines(absent)}`.trimStart();
    // A line such as `NAME:` takes the next line for its value.
    const after = parse(longer);
    if (!absent.every((name) => after[name]) || Object.keys(present).some((name) => present[name] !== after[name])) {
      throw new UserError(`${file}: cannot add ${absent.join(" and ")}, because the last line is not complete`);
    }
    const draft = draftOf(file);
    await writeFile(draft, longer, { mode: 0o600 });
    await rename(draft, file);
  }
  if (((await stat(file)).mode & 0o777) !== 0o600) await chmod(file, 0o600);
}

/** The variables in the file as wrangler reads them; none if there is no file. */
export async function readDevVars(file = devVarsFile): Promise<Record<string, string>> {
  return parse((await readIfPresent(file)) ?? "");
}

/** The local manager's admin password; undefined if there is none yet. */
export async function localPassword(file = devVarsFile): Promise<string | undefined> {
  return (await readDevVars(file)).ADMIN_PASSWORD || undefined;
}

/** Throws if the file names a secret that it gives no value. A comment does not count. */
function refuseIfNamed(file: string, text: string, name: string): void {
  if (!new RegExp(`^[^#=\\n\\r]*\\b${name}\\b`, "im").test(text)) return;
  throw new UserError(
    `${file} names ${name}, but wrangler reads no value for it; write ${name}="…", or delete the line to get a new one`,
  );
}

const draftOf = (file: string) => `${file}.${randomUUID()}`;

function lines(names: readonly string[]): string {
  return names.map((name) => `${name}=${generators[name]?.()}\n`).join("");
}

/** Five characters that cannot be confused with each other. A password of four such groups has 99 bits. */
function passwordGroup(): string {
  const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  return Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join("");
}

async function readIfPresent(file: string): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    if (!(error instanceof Error && "errno" in error && typeof error.errno === "number")) throw error;
    throw new UserError(`cannot read ${file}: ${getSystemErrorMessage(error.errno)}`);
  });
  // Some editors and shells of Windows write UTF-16.
  if (text?.includes("\0")) throw new UserError(`${file} is not UTF-8 text; save it as UTF-8`);
  return text;
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
