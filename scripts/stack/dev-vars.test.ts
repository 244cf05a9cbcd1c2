import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { test as base, expect } from "vitest";
import { ensureDevVars, localPassword } from "./dev-vars.ts";

// biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
const test = base.extend("file", async ({}, { onCleanup }) => {
  const dir = await mkdtemp(join(tmpdir(), "zedops-dev-vars-"));
  onCleanup(() => rm(dir, { recursive: true }));
  return join(dir, ".dev.vars");
});

const read = async (file: string) => parseEnv(await readFile(file, "utf8"));
const mode = async (file: string) => (await stat(file)).mode & 0o777;

test("both secrets are made, long enough, readable by the owner only", async ({ file }) => {
  await ensureDevVars(file);
  const { ADMIN_PASSWORD = "", JWT_SECRET = "" } = await read(file);
  expect(ADMIN_PASSWORD).toMatch(/^(\w{5}-){3}\w{5}$/);
  expect(JWT_SECRET.length).toBeGreaterThanOrEqual(32);
  expect(await mode(file)).toBe(0o600);
  expect(await localPassword(file)).toBe(ADMIN_PASSWORD);
});

test("existing values and other lines are kept, and a second call changes nothing", async ({ file }) => {
  await writeFile(file, "# mine\nADMIN_PASSWORD=chosen-by-hand\nEXTRA=1");
  await chmod(file, 0o644);
  await ensureDevVars(file);
  const text = await readFile(file, "utf8");
  expect(text).toMatch(/^# mine\nADMIN_PASSWORD=chosen-by-hand\nEXTRA=1\nJWT_SECRET=\S{32,}\n$/);
  expect(await mode(file)).toBe(0o600);
  await ensureDevVars(file);
  expect(await readFile(file, "utf8")).toBe(text);
});

test("many at once agree on one file", async ({ file }) => {
  await Promise.all(Array.from({ length: 20 }, () => ensureDevVars(file)));
  expect((await readFile(file, "utf8")).trimEnd().split("\n")).toHaveLength(2);
});

test("without the file there is no password", async ({ file }) => {
  expect(await localPassword(file)).toBeUndefined();
});
