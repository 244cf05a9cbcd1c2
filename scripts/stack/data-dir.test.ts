import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect } from "vitest";
import { claimDataDir } from "./data-dir.ts";

// biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
const test = base.extend("dir", async ({}, { onCleanup }) => {
  const dir = await mkdtemp(join(tmpdir(), "zedops-data-"));
  onCleanup(() => rm(dir, { recursive: true }));
  return dir;
});

test("a living process keeps its directory, and a dead one does not", async ({ dir }) => {
  const other = spawn("sleep", ["600"]);
  await once(other, "spawn");
  await writeFile(join(dir, "manager.pid"), `${other.pid}\n`);
  await expect(claimDataDir(dir)).rejects.toThrow(`process ${other.pid} runs a manager on ${dir}`);
  other.kill();
  await once(other, "exit");
  await (await claimDataDir(dir))();
});

test("a directory that was given up is free", async ({ dir }) => {
  const release = await claimDataDir(join(dir, "new"));
  await release();
  await expect(claimDataDir(join(dir, "new"))).resolves.toBeTypeOf("function");
});
