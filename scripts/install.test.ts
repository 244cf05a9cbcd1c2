import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { test as base, expect } from "vitest";
import { inRepository } from "./stack/repository.ts";

const run = promisify(execFile);

const mark = "node_modules/.installed";
const commands = ["dev-tool", "peer-tool", "optional-tool", "node"].map((name) => `node_modules/.bin/${name}`);

/** A small repository with one package of each kind, all of them local, and the scripts that install them. */
// biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
const test = base.extend("repository", async ({}, { onCleanup }) => {
  const dir = await mkdtemp(join(tmpdir(), "zedops-install-"));
  onCleanup(() => rm(dir, { recursive: true }));
  const write = async (folder: string, description: object) => {
    await mkdir(join(dir, folder), { recursive: true });
    await writeFile(join(dir, folder, "package.json"), JSON.stringify({ version: "1.0.0", ...description }));
  };
  for (const kind of ["dev", "peer", "optional"]) {
    await write(kind, { name: `${kind}-tool`, bin: "tool.js" });
    await writeFile(join(dir, kind, "tool.js"), "#!/usr/bin/env node\n", { mode: 0o755 });
  }
  await write("one", { name: "@test/one", private: true });
  await write("two", { name: "@test/two", private: true });
  await write(".", {
    ...{ name: "test", private: true, workspaces: ["one", "two"] },
    devDependencies: { "dev-tool": "file:dev" },
    peerDependencies: { "peer-tool": "file:peer" },
    optionalDependencies: { "optional-tool": "file:optional" },
  });
  await mkdir(join(dir, "scripts"));
  for (const script of ["install.sh", "require-tools.sh"]) {
    await copyFile(inRepository("scripts", script), join(dir, "scripts", script));
  }
  await run("npm", ["install", "--package-lock-only", "--offline", "--no-audit"], { cwd: dir, env: environment({}) });
  return dir;
});

/** Without the settings of the npm that runs the tests. */
function environment(extra: Record<string, string>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_ENV$/i.test(name));
  const path = [dirname(process.execPath), process.env.PATH].join(delimiter);
  return { ...Object.fromEntries(own), PATH: path, npm_config_offline: "true", ...extra };
}

async function exist(dir: string, files: readonly string[]): Promise<boolean> {
  return await Promise.all(files.map((file) => access(join(dir, file)))).then(
    () => true,
    () => false,
  );
}

test.for([
  "HOME=/",
  "NODE_ENV=production",
  "npm_config_omit=dev",
  "npm_config_omit=optional",
  "npm_config_omit=peer",
  "npm_config_production=true",
  "npm_config_only=prod",
  "NPM_CONFIG_IGNORE_SCRIPTS=true",
  "npm_config_workspace=one",
  "npm_config_workspaces=false",
  "npm_config_dry_run=true",
  "npm_config_bin_links=false",
  "npm_config_location=global",
  "npm_config_package_lock_only=true",
])("with %s every package is installed", { timeout: 60_000 }, async (setting, { repository }) => {
  const [name = "", value = ""] = setting.split("=");
  await run("sh", ["scripts/install.sh"], { cwd: repository, env: environment({ [name]: value }) });
  for (const file of [...commands, "node_modules/@test/one", "node_modules/@test/two", mark]) {
    expect(await exist(repository, [file]), file).toBe(true);
  }
});

test.for([
  ["is interrupted", "kill -INT 0; sleep 1"],
  ["is killed", "kill -KILL $$"],
  ["fails at the end", "exit 1"],
  // A link to the Node that runs this test stands there.
  ["installs no node", "cd node_modules/.bin; rm -f node; printf '#!/bin/sh\\nexit 1\\n' > node; chmod +x node"],
] as const)(
  "an installation whose npm %s does not count as done",
  { timeout: 60_000 },
  async ([, end], { repository }) => {
    await run("sh", ["scripts/install.sh"], { cwd: repository, env: environment({}) });
    const tools = join(repository, "tools");
    await mkdir(tools);
    const npm = `#!/bin/sh\nmkdir -p node_modules/.bin\ntouch node_modules/.package-lock.json\n${end}\n`;
    await writeFile(join(tools, "npm"), npm, { mode: 0o755 });
    const env = environment({});
    const install = spawn("sh", ["scripts/install.sh"], {
      cwd: repository,
      env: { ...env, PATH: `${tools}${delimiter}${env.PATH}` },
      // A group of its own, as of a terminal, for the signal.
      detached: true,
      stdio: "ignore",
    });
    expect(await once(install, "exit")).not.toEqual([0, null]);
    expect(await exist(repository, [mark])).toBe(false);
  },
);

test("make installs if the mark is missing or older than the lock file", async () => {
  const { stdout } = await run("make", ["--print-data-base", "--dry-run", "help"], { cwd: inRepository() });
  expect(stdout).toMatch(/^node_modules\/\.installed: package-lock\.json$/m);
});
