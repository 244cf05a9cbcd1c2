import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect } from "vitest";
import { claimDataDir } from "./data-dir.ts";
import { UserError } from "./user-error.ts";

// biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
const test = base.extend("dir", async ({}, { onCleanup }) => {
  const dir = await mkdtemp(join(tmpdir(), "zedops-data-"));
  onCleanup(() => rm(dir, { recursive: true }));
  return dir;
});

test("a running process keeps its directory locked, a dead one does not", async ({ dir }) => {
  const other = spawn("sleep", ["600"]);
  await once(other, "spawn");
  await writeFile(join(dir, "manager.pid"), `${other.pid}\n`);
  await expect(claimDataDir(dir)).rejects.toThrow(`process ${other.pid} runs a manager on ${dir}`);
  other.kill();
  await once(other, "exit");
  await (await claimDataDir(dir))();
});

test("an unlocked directory can be locked again", async ({ dir }) => {
  const release = await claimDataDir(join(dir, "new"));
  await release();
  await expect(claimDataDir(join(dir, "new"))).resolves.toBeTypeOf("function");
});

test("a directory is made with its parents, readable by the owner only", async ({ dir }) => {
  await claimDataDir(join(dir, "a/b/c"));
  for (const made of ["a", "a/b", "a/b/c"]) expect((await stat(join(dir, made))).mode & 0o777).toBe(0o700);
});

test("the error for an impossible directory names its setting", async ({ dir }) => {
  const file = join(dir, "file");
  await writeFile(file, "");
  const error = (path: string, reason: string) => new UserError(`DATA_DIR cannot be ${path}: ${reason}`);
  await expect(claimDataDir(file)).rejects.toThrow(error(file, "not a directory"));
  await expect(claimDataDir(join(file, "x"))).rejects.toThrow(error(join(file, "x"), "not a directory"));
  // Node's own recursive mkdir never returns here.
  await expect(claimDataDir("/proc/nope/x")).rejects.toThrow(error("/proc/nope/x", "no such file or directory"));
});
