import { execFile } from "node:child_process";
import { mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, type TestContext, test } from "vitest";
import { inRepository } from "../stack/repository.ts";
import { missing } from "./machine.ts";

const run = promisify(execFile);
const script = inRepository("manager/src/http/install.sh");

test("shellcheck finds nothing", async ({ skip }) => {
  skipIfMissing(skip, await missing("shellcheck"));
  await run("shellcheck", [script]);
});

test("everything is a function, and the last line calls the first", async () => {
  const lines = (await readFile(script, "utf8")).trimEnd().split("\n");
  expect(lines.at(-1)).toBe('main "$@"');
  const outside = lines.filter((line) => /^[a-z]/.test(line) && !/^[a-z_]+\(\) \{/.test(line));
  // Text of the unit and of the help begins at the margin too.
  expect(outside.filter((line) => /^(set|trap|umask|export|rm|mkdir|curl|main)( |$)/.test(line))).toEqual([
    "set -eu",
    'main "$@"',
  ]);
});

function skipIfMissing(skip: TestContext["skip"], lacking: string | undefined): void {
  if (lacking === undefined) return;
  console.warn(`SKIPPED: ${lacking}`);
  skip(lacking);
}

const shells = [["sh"], ["dash"], ["busybox", "sh"], ["bash"]];

describe.each(shells)("in %s", (...shell) => {
  const [file = "", ...args] = shell;
  const call = async (...options: string[]) =>
    await run(file, [...args, script, ...options], {
      env: { PATH: process.env.PATH, ZEDOPS_TOKEN: "a.secret.token" },
    }).then(
      ({ stdout }) => ({ exitCode: 0, output: stdout }),
      (error: { code: number; stderr: string }) => ({ exitCode: error.code, output: error.stderr }),
    );

  test("it prints its help and refuses what it does not know", async ({ skip }) => {
    skipIfMissing(skip, await missing(file));
    expect(await call("--help")).toMatchObject({ exitCode: 0, output: expect.stringContaining("--uninstall") });
    expect(await call("eyJhbGciOi.token.signature")).toEqual({
      exitCode: 1,
      output: "zedops: unknown option (--help shows the options)\n",
    });
    expect(await call("--name")).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("--name needs a value"),
    });
    expect(await call("--prefix", "/a b")).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("--prefix must"),
    });
  });
});

test("a processor without an agent is named, and nothing is written", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "zedops-install-"));
  await writeFile(join(folder.path, "uname"), "#!/bin/sh\ncase $1 in -s) echo Linux ;; *) echo mips64 ;; esac\n", {
    mode: 0o755,
  });
  const env = { PATH: `${folder.path}:${process.env.PATH}`, HOME: folder.path };
  const call = run("sh", [script, "--no-service", "--prefix", join(folder.path, "prefix")], { env });
  await expect(call).rejects.toThrow("there is no agent for a processor of the kind mips64");
  expect((await run("ls", ["-A", folder.path])).stdout).toBe("uname\n");
});
