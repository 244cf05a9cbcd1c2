import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { test as base, expect } from "vitest";
import { root } from "./stack/repository.ts";

const run = promisify(execFile);

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("dir", async ({}, { onCleanup }) => {
    const dir = await mkdtemp(join(tmpdir(), "zedops-checkout-"));
    onCleanup(() => rm(dir, { recursive: true }));
    return dir;
  })
  .extend("clone", async ({ dir, skip }) => {
    const git = (...args: string[]) => run("git", ["-c", "safe.directory=*", ...args]);
    const isRepository = await git("-C", root, "rev-parse", "HEAD").then(
      () => true,
      () => false,
    );
    skip(!isRepository, "this is no git checkout");
    return async (...config: string[]): Promise<string> => {
      const clone = join(dir, "clone");
      await git(...config.flatMap((setting) => ["-c", setting]), "clone", "--quiet", ...["--no-local", root, clone]);
      return clone;
    };
  });

test.for([
  ["core.autocrlf=true"],
  ["core.autocrlf=input"],
  ["core.eol=crlf"],
  ["core.autocrlf=true", "core.eol=crlf"],
  ["core.attributesFile=ATTRIBUTES"],
])("a checkout with %s has LF in every text file", { timeout: 60_000 }, async (config, { dir, clone }) => {
  const attributes = join(dir, "attributes");
  await writeFile(attributes, "* text eol=crlf\n");
  const cloned = await clone(...config.map((setting) => setting.replace("ATTRIBUTES", attributes)));
  const { stdout } = await run("git", ["-C", cloned, "ls-files", "--eol"]);
  const files = stdout.trimEnd().split("\n");
  expect(files.length).toBeGreaterThan(100);
  // Images are no text.
  expect(files.filter((file) => !/^i\/lf +w\/lf /.test(file) && !/^i\/-text w\/-text .*\.png$/.test(file))).toEqual([]);
});

test("make agent builds in a checkout of another user, with the version", { timeout: 120_000 }, async ({
  clone,
  skip,
}) => {
  skip(process.getuid?.() !== 0, "only root can give files to another user");
  const cloned = await clone();
  await run("chown", ["-R", "65534:65534", cloned]);
  // Settings that would hide the refusal of git and Go.
  const { MAKEFLAGS, MAKELEVEL, ...inherited } = process.env;
  const env = { ...inherited, GOFLAGS: "", GOENV: "off", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_COUNT: "0" };
  await expect(run("git", ["-C", cloned, "describe", "--always"], { env })).rejects.toThrow("dubious ownership");
  await run("make", ["agent"], { cwd: cloned, env });
  const { stdout } = await run(join(cloned, "agent/bin/zedops-agent"), ["--version"]);
  const { stdout: version } = await run("git", [
    "-c",
    "safe.directory=*",
    "-C",
    cloned,
    "describe",
    "--tags",
    "--always",
  ]);
  expect(stdout).toContain(version.trim());
});
