import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test as base, expect } from "vitest";
import { inRepository } from "./stack/repository.ts";

// biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
const test = base.extend("tools", async ({}, { onCleanup }) => {
  const tools = await mkdtemp(join(tmpdir(), "zedops-tools-"));
  onCleanup(() => rm(tools, { recursive: true }));
  return tools;
});

/** Runs the check with a fake tool that prints this version. Returns its output and its exit code. */
async function check(tools: string, tool: "node" | "go", says: string): Promise<{ code: number; stderr: string }> {
  await writeFile(join(tools, tool), `#!/bin/sh\ncat <<'END'\n${says}\nEND\n`, { mode: 0o755 });
  const env = { ...process.env, PATH: `${tools}${delimiter}${process.env.PATH}` };
  return await new Promise((resolve) => {
    const script = execFile("sh", [inRepository("scripts/require-tools.sh"), tool], { env }, (_, __, stderr) =>
      resolve({ code: script.exitCode ?? Number.NaN, stderr }),
    );
  });
}

test.for([
  ["node", "v20.0.0"],
  ["node", "v24.21.0-nightly"],
  ["go", "go1.25"],
  ["go", "go1.26rc1"],
  ["go", "devel go1.27-3f4a9c1 Sun Nov 22"],
] as const)("%s of version %s is accepted", async ([tool, says], { tools }) => {
  expect(await check(tools, tool, says)).toEqual({ code: 0, stderr: "" });
});

test.for([
  ["node", "v18.0.0-x"],
  ["node", "rubbish"],
  ["node", "v99999999999999999999"],
  ["node", "20"],
  ["node", ""],
  ["go", "go1.24.9"],
  ["go", "go1.x"],
  ["go", "-n * ["],
] as const)("%s of version %j is refused with one line", async ([tool, says], { tools }) => {
  const { code, stderr } = await check(tools, tool, says);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^zedops: [^\n]+\n$/);
  expect(stderr).toContain(`(found: ${says || "none"})`);
});
