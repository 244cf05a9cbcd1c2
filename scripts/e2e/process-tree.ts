import { readdir, readFile } from "node:fs/promises";

export interface Process {
  pid: number;
  parent: number;
  /** Its arguments, joined by blanks. */
  command: string;
}

/**
 * Every process of this machine, from Linux's /proc, except processes that are ending: these have no arguments any
 * more.
 */
export async function processes(): Promise<Process[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map((pid) => inspect(pid).catch(() => undefined)));
  return found.filter((process) => process !== undefined).filter(({ command }) => command !== "");
}

/** A process and all that it has started, directly or not. */
export async function processTree(root: number): Promise<Process[]> {
  const all = await processes();
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

async function inspect(pid: number): Promise<Process> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // "pid (name) state parent …"; the name may contain anything, brackets too.
  const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  return { pid, parent, command: (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ").trim() };
}
