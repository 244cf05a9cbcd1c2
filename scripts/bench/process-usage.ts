/** What a process has used, from Linux's /proc. */
import { readFile } from "node:fs/promises";

/** Linux counts the CPU time of a process in steps of 10 ms. */
const MS_PER_TICK = 10;

/** The CPU time that a process has used so far, in milliseconds. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // "pid (name) state …"; the name may contain anything. The 14th and 15th fields are user and system time.
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(system)) * MS_PER_TICK;
}

/** The memory of a process that is not backed by files, in KiB. */
export async function anonymousKiB(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Anonymous:\s+(\d+) kB/m.exec(rollup)?.[1]);
}
