import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { test as base, expect } from "vitest";
import { claimDataDir } from "./data-dir.ts";
import { UserError } from "./user-error.ts";

const PORT = 8787;

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("dir", async ({}, { onCleanup }) => {
    const dir = await mkdtemp(join(tmpdir(), "zedops-data-"));
    onCleanup(() => rm(dir, { recursive: true }));
    return dir;
  })
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("claimElsewhere", async ({}, { onCleanup }) => {
    const others: ChildProcess[] = [];
    onCleanup(async () => {
      for (const other of others) await killed(other);
    });
    /** Claims a directory in a process of its own, which keeps it, and waits for the result: "claimed" or the error. */
    return async (dir: string, ...launcher: string[]): Promise<{ other: ChildProcess; result: string }> => {
      const module = JSON.stringify(join(import.meta.dirname, "data-dir.ts"));
      const script = `
        const { claimDataDir } = await import(${module});
        await claimDataDir(${JSON.stringify(dir)}, 9000).then(() => console.log("claimed"), (e) => console.log(e.message));
        setInterval(() => {}, 1000);`;
      const [file = "", ...args] = [...launcher, process.execPath, "--input-type=module", "--eval", script];
      const other = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
      others.push(other);
      const [result]: unknown[] = await once(other.stdout, "data");
      return { other, result: String(result).trim() };
    };
  });

async function killed(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  process.kill("SIGKILL");
  await once(process, "exit");
}

async function succeeds(file: string, ...args: string[]): Promise<boolean> {
  return await promisify(execFile)(file, args).then(
    () => true,
    () => false,
  );
}

test("a process keeps its directory locked until it ends, even by SIGKILL", async ({ dir, claimElsewhere }) => {
  const { other, result } = await claimElsewhere(dir);
  expect(result).toBe("claimed");
  const here = claimDataDir(dir, PORT);
  await expect(here).rejects.toThrow(UserError);
  await expect(here).rejects.toThrow(`process ${other.pid} runs a manager on ${dir}, on port 9000, since 2`);
  await killed(other);
  await (await claimDataDir(dir, PORT))();
});

test("two pid namespaces exclude each other, whatever their process ids", async ({ dir, claimElsewhere, skip }) => {
  const unshare = ["unshare", "--pid", "--fork", "--kill-child"] as const;
  skip(!(await succeeds(...unshare, "true")), "no pid namespace may be made; root of Linux may");
  const first = await claimElsewhere(dir, ...unshare);
  expect(first.result).toBe("claimed");
  // Both are process 1 in their namespace.
  const second = await claimElsewhere(dir, ...unshare);
  expect(second.result).toContain(`process 1 runs a manager on ${dir}`);
  await expect(claimDataDir(dir, PORT)).rejects.toThrow(UserError);
  await killed(first.other);
  await expect.poll(async () => (await claimElsewhere(dir)).result).toBe("claimed");
});

test("another path to the same directory is the same directory", async ({ dir, claimElsewhere }) => {
  await mkdir(join(dir, "data"));
  await symlink("data", join(dir, "link"));
  const release = await claimDataDir(join(dir, "data"), PORT);
  expect((await claimElsewhere(join(dir, "link"))).result).toContain(`process ${process.pid} runs a manager`);
  await release();
  expect((await claimElsewhere(join(dir, "link"))).result).toBe("claimed");
  await expect(claimDataDir(join(dir, "data"), PORT)).rejects.toThrow("runs a manager");
});

test.for([
  ["manager.pid", `${process.ppid}\n`],
  ["manager.pid", "1\n"],
  ["manager.pid", "rubbish"],
  ["manager.holder", `{"pid":1,"host":"elsewhere","port":1,"since":"2026"}`],
  ["manager.holder", "rubbish"],
  ["manager.lock", ""],
] as const)("a stale %s that says %j does not block", async ([name, text], { dir }) => {
  await writeFile(join(dir, name), text);
  await (await claimDataDir(dir, PORT))();
});

test("a process claims its directory again, and keeps it until it has unlocked it as often", async ({
  dir,
  claimElsewhere,
}) => {
  const path = join(dir, "new");
  const [first, second] = [await claimDataDir(path, PORT), await claimDataDir(path, PORT)];
  await first();
  expect((await claimElsewhere(path)).result).toContain(`process ${process.pid} runs a manager`);
  await second();
  expect((await claimElsewhere(path)).result).toBe("claimed");
});

test("an unlocked directory says no holder", async ({ dir }) => {
  await (await claimDataDir(dir, PORT))();
  expect(await readdir(dir)).toEqual(["manager.lock"]);
});

test("a lock without a readable note of its holder is an error too", async ({ dir, claimElsewhere }) => {
  await claimElsewhere(dir);
  await writeFile(join(dir, "manager.holder"), "rubbish");
  await expect(claimDataDir(dir, PORT)).rejects.toThrow(
    `another process has locked ${dir}, or its file system has no locks; choose another: DATA_DIR=… PORT=…`,
  );
});

test("a directory is made with its parents, readable by the owner only", async ({ dir }) => {
  await claimDataDir(join(dir, "a/b/c"), PORT);
  for (const made of ["a", "a/b", "a/b/c"]) expect((await stat(join(dir, made))).mode & 0o777).toBe(0o700);
  for (const file of ["lock", "holder"])
    expect((await stat(join(dir, `a/b/c/manager.${file}`))).mode & 0o777).toBe(0o600);
});

test("the error for an impossible directory names its setting", async ({ dir }) => {
  const file = join(dir, "file");
  await writeFile(file, "");
  const error = (path: string, reason: string) => new UserError(`DATA_DIR cannot be ${path}: ${reason}`);
  await expect(claimDataDir(file, PORT)).rejects.toThrow(error(file, "not a directory"));
  await expect(claimDataDir(join(file, "x"), PORT)).rejects.toThrow(error(join(file, "x"), "not a directory"));
  // Node's own recursive mkdir never returns here.
  await expect(claimDataDir("/proc/nope/x", PORT)).rejects.toThrow(error("/proc/nope/x", "no such file or directory"));
  // A directory where nobody may make a file, not even root.
  await expect(claimDataDir("/proc/self", PORT)).rejects.toThrow(error("/proc/self", "no such file or directory"));
});

test("a lock file that cannot be locked is an error that names it", async ({ dir }) => {
  const lock = join(dir, "manager.lock");
  await writeFile(lock, "not a database, and long enough that SQLite looks for the header of one");
  await expect(claimDataDir(dir, PORT)).rejects.toThrow(`${lock} cannot be locked: file is not a database`);
  await rm(lock);
  await mkdir(lock);
  await expect(claimDataDir(dir, PORT)).rejects.toThrow(`${lock} cannot be locked: unable to open database file`);
  await rm(lock, { recursive: true });
  await mkdir(join(dir, "manager.holder"));
  await expect(claimDataDir(dir, PORT)).rejects.toThrow(`DATA_DIR cannot be ${dir}: illegal operation on a directory`);
});

test("a directory that may not be written is an error", async ({ dir, claimElsewhere, skip }) => {
  skip(process.getuid?.() !== 0 || !(await succeeds("setpriv", "--version")), "only root can become another user");
  const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  await chmod(dir, 0o755);
  expect((await claimElsewhere(dir, ...nobody)).result).toBe(`DATA_DIR cannot be ${dir}: permission denied`);
  // With a lock file that another user has made.
  await (await claimDataDir(dir, PORT))();
  expect((await claimElsewhere(dir, ...nobody)).result).toMatch(
    /^DATA_DIR cannot be .*manager\.lock cannot be locked: /,
  );
  await chmod(join(dir, "manager.lock"), 0o644);
  expect((await claimElsewhere(dir, ...nobody)).result).toMatch(/^DATA_DIR cannot be /);
});
