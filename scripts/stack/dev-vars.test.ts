import { chmod, copyFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test as base, expect } from "vitest";
import { unstable_getVarsForDev as getVarsForDev, unstable_readConfig as readConfig } from "wrangler";
import { z } from "zod";
import { ensureDevVars, localPassword, readDevVars } from "./dev-vars.ts";
import { inRepository } from "./repository.ts";

// biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
const test = base.extend("file", async ({}, { onCleanup }) => {
  const dir = await mkdtemp(join(tmpdir(), "zedops-dev-vars-"));
  onCleanup(() => rm(dir, { recursive: true }));
  return join(dir, ".dev.vars");
});

/** The variables that `wrangler dev` gives the Worker; wrangler's own code reads them. */
const readByWrangler = (file: string) =>
  Object.fromEntries(
    Object.entries(getVarsForDev(join(dirname(file), "wrangler.jsonc"), undefined, {}, undefined, true)).map(
      ([name, { value }]) => [name, value],
    ),
  );
const mode = async (file: string) => (await stat(file)).mode & 0o777;

test("both secrets are made, long enough, readable by the owner only", async ({ file }) => {
  await ensureDevVars(file);
  const { ADMIN_PASSWORD = "", JWT_SECRET = "" } = readByWrangler(file);
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
  const ensured = Array.from({ length: 20 }, async () => {
    await ensureDevVars(file);
    return await localPassword(file);
  });
  expect(new Set(await Promise.all(ensured)), "the password of each").toHaveProperty("size", 1);
  expect((await readFile(file, "utf8")).trimEnd().split("\n")).toHaveLength(2);
});

test("without the file there is no password", async ({ file }) => {
  expect(await localPassword(file)).toBeUndefined();
});

const spellings = [
  "JWT_SECRET=plain",
  "JWT_SECRET = spaced",
  "  JWT_SECRET=indented  ",
  "\tJWT_SECRET\t=\ttabbed\t",
  "JWT_SECRET=two words",
  "export JWT_SECRET=exported",
  "JWT_SECRET: colon",
  "JWT_SECRET=a=b==",
  "JWT_SECRET='single'",
  'JWT_SECRET="double"',
  "JWT_SECRET=`backtick`",
  "JWT_SECRET=' inner blanks '",
  'JWT_SECRET="a \\"quoted\\" word"',
  "JWT_SECRET='a \\'quoted\\' word'",
  "JWT_SECRET='it\"s'",
  'JWT_SECRET="it\'s"',
  'JWT_SECRET="a\\nb\\rc\\td"',
  "JWT_SECRET='a\\nb'",
  "JWT_SECRET=a\\nb",
  'JWT_SECRET="back\\\\slash"',
  'JWT_SECRET="first\nsecond"',
  "JWT_SECRET='first\nsecond'",
  "JWT_SECRET=`first\nsecond`",
  'JWT_SECRET="unclosed',
  "JWT_SECRET='unclosed",
  'JWT_SECRET=closed"',
  'JWT_SECRET="quoted" and more',
  "JWT_SECRET=before#after",
  "JWT_SECRET=before # after",
  'JWT_SECRET="before#after"',
  "JWT_SECRET='before#after' # comment",
  "JWT_SECRET=$HOME",
  "JWT_SECRET=a$ADMIN_PASSWORD",
  "JWT_SECRET=$\u007bADMIN_PASSWORD}",
  "JWT_SECRET=first\nJWT_SECRET=second",
  "JWT_SECRET=unicode-\u00fc\u{1f511}",
  "JWT_SECRET=no-break\u00a0blank\u00a0",
  "# JWT_SECRET=old\nJWT_SECRET=new",
  "JWT_SECRET=\nJWT_SECRET=after-empty",
];

/** The ways in which a file around a line may differ. */
const files = {
  alone: (text: string) => text,
  "between lines": (text: string) => `ADMIN_PASSWORD=p\n\n${text}\nOTHER=o\n`,
  "with CRLF": (text: string) => `ADMIN_PASSWORD=p\n${text}\nOTHER=o\n`.replaceAll("\n", "\r\n"),
  "with CR": (text: string) => `ADMIN_PASSWORD=p\n${text}\nOTHER=o\n`.replaceAll("\n", "\r"),
  "after a byte order mark": (text: string) => `\uFEFF${text}\nADMIN_PASSWORD=p\n`,
};

test.for(spellings)("%j is read as wrangler reads it, and kept", async (spelling, { file }) => {
  for (const around of Object.values(files)) {
    await writeFile(file, around(spelling));
    const before = readByWrangler(file);
    expect(await readDevVars(file)).toEqual(before);
    expect(before.JWT_SECRET).toBeTruthy();
    await ensureDevVars(file);
    expect(readByWrangler(file)).toEqual({ ADMIN_PASSWORD: expect.stringMatching(/./), ...before });
  }
});

test.for([
  "JWT_SECRET=",
  "JWT_SECRET=''",
  'JWT_SECRET=""',
  "JWT_SECRET=   # later",
  "JWT_SECRET=#sharp",
  "JWT_SECRET:no-blank",
  "JWT_SECRET=once\nJWT_SECRET=",
  "export JWT_SECRET",
  "JWT_SECRET value",
  "set -x JWT_SECRET value",
  '{ "JWT_SECRET": "value" }',
  "jwt_secret=lower",
  'OTHER="swallows\nJWT_SECRET=value"',
  "OTHER:\nJWT_SECRET=value",
  "\uFEFFJWT_SECRET=",
])("%j names a secret without a value: an error instead of a new secret", async (text, { file }) => {
  await writeFile(file, `${text}\n`);
  await expect(ensureDevVars(file)).rejects.toThrow("names JWT_SECRET, but wrangler reads no value for it");
  expect(await readFile(file, "utf8")).toBe(`${text}\n`);
});

test.for(["# JWT_SECRET=old", "JWT_SECRET_PREVIOUS=old", "OTHER=value # JWT_SECRET", "OTHER=JWT_SECRET"])(
  "%j does not name JWT_SECRET, so it is made",
  async (text, { file }) => {
    await writeFile(file, text);
    await ensureDevVars(file);
    expect(String(readByWrangler(file).JWT_SECRET)).toMatch(/^\S{64}$/);
  },
);

test("a file that cannot be completed or read is an error and stays as it is", async ({ file }) => {
  await writeFile(file, "OTHER:");
  await expect(ensureDevVars(file)).rejects.toThrow("the last line is not complete");
  expect(await readFile(file, "utf8")).toBe("OTHER:");
  await writeFile(file, Buffer.from("\uFEFFJWT_SECRET=value\n", "utf16le"));
  await expect(ensureDevVars(file)).rejects.toThrow("is not UTF-8 text");
  await expect(ensureDevVars(dirname(file))).rejects.toThrow(/^cannot read .*: illegal operation on a directory$/);
});

test("the example names the secrets that the manager needs, without values, and no local manager reads it", async ({
  file,
}) => {
  const example = inRepository("manager/.dev.vars.example");
  const Config = z.object({ secrets: z.object({ required: z.array(z.string()) }) });
  const { required } = Config.parse(readConfig({ config: inRepository("manager/wrangler.jsonc") })).secrets;
  expect(await readDevVars(example)).toEqual(Object.fromEntries(required.map((name) => [name, ""])));
  await copyFile(example, join(dirname(file), ".dev.vars.example"));
  expect(readByWrangler(file)).toEqual({});
});
