import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { Child } from "./child.ts";

const sh = (script: string, onLine?: (line: string) => void) =>
  new Child({ name: "sh", file: "/bin/sh", args: ["-c", script], ...(onLine && { onLine }) });

/** The command line of a process; empty once it has ended, even if its parent has not collected it yet. */
const commandOf = (pid: string) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");

test("it reports how it ended", async () => {
  expect(await sh("exit 3").ended).toBe(3);
  expect(await sh("kill -KILL $$").ended).toBe("SIGKILL");
  const absent = new Child({ name: "absent", file: "/no/such/file", args: [] });
  expect(await absent.ended).toMatchObject({ message: expect.stringContaining("ENOENT") });
  await absent.stop();
});

test("when it has ended, its last output has been read; output of processes that it left behind is not waited for", async () => {
  // Many at once, so that the output of some arrives while others end.
  const last = Array.from({ length: 40 }, async () => {
    const lines: string[] = [];
    await sh("seq 2000", (line) => lines.push(line)).ended;
    return lines.at(-1);
  });
  expect(new Set(await Promise.all(last))).toEqual(new Set(["2000"]));
  const parent = sh("sleep 600 & exit 3");
  expect(await parent.ended).toBe(3);
  await parent.stop();
});

test("it reads its input; a process that does not read its input ends too", async () => {
  const lines: string[] = [];
  const reader = new Child({
    name: "cat",
    file: "cat",
    args: [],
    input: "secret\n",
    onLine: (line) => lines.push(line),
  });
  await reader.ended;
  await reader.stop();
  expect(lines).toEqual(["secret"]);
  const deaf = new Child({ name: "true", file: "true", args: [], input: "x".repeat(1_000_000) });
  expect(await deaf.ended).toBe(0);
});

test("stopping kills it, even if it ignores SIGTERM, and the processes that it left behind", async () => {
  const lines: string[] = [];
  const child = sh('trap "" TERM; sleep 600 & echo $!; wait', (line) => lines.push(line));
  await expect.poll(() => lines.length).toBe(1);
  const grandchild = lines[0] ?? "";
  expect(await commandOf(grandchild)).toContain("600");
  await child.stop();
  expect(await child.ended).toBe("SIGKILL");
  expect(await commandOf(grandchild)).toBe("");
});

/** A script that has children, one of which ignores signals and has left a process behind. */
const parent = (last: string) => `
  const { Child } = await import(${JSON.stringify(join(import.meta.dirname, "child.ts"))});
  const sh = (script) => new Child({ name: "sh", file: "/bin/sh", args: ["-c", script], onLine: console.log });
  const stopped = sh("sleep 600");
  await stopped.stop();
  sh('trap "" TERM HUP; (trap "" TERM HUP; sleep 601) & echo $$ $!; wait');
  sh("sleep 602 & echo $$ $!; exit 0");
  sh("exec sleep 603 </dev/null & echo $$ $!; wait");
  process.stdin.once("data", () => { ${last} });`;

test.for([
  ["is killed", "", (pid: number): boolean => process.kill(pid, "SIGKILL")],
  ["is killed with its group", "", (pid: number): boolean => process.kill(-pid, "SIGKILL")],
  ["loses its terminal", "", (pid: number): boolean => process.kill(-pid, "SIGHUP")],
  ["crashes", "throw new Error('crash')", undefined],
  ["aborts", "process.abort()", undefined],
  ["exits without stopping them", "process.exit()", undefined],
] as const)("if the script %s, no child is left", async ([, last, end]) => {
  const script = spawn(process.execPath, ["--input-type=module", "--eval", parent(last)], {
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
  });
  const pids: string[] = [];
  for await (const line of createInterface({ input: script.stdout })) if (pids.push(...line.split(" ")) === 6) break;
  const commands = async () => (await Promise.all(pids.map(commandOf))).filter((command) => command !== "");
  // The leader of the second group has ended.
  await expect.poll(async () => (await commands()).length).toBe(5);
  const ended = once(script, "exit");
  if (end === undefined) script.stdin.write("now");
  else end(script.pid ?? Number.NaN);
  await ended;
  await expect.poll(commands).toEqual([]);
});
