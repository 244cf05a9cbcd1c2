import { mkdir, readdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";

/**
 * A control group for one host, below the one of the tests. A systemd manages the services of its host in the group that
 * it was started in. Two in one group would end each other's services, and remove the group of a service that starts.
 */
export class OwnCgroup {
  /** A process enters the group by writing 0 into each of these files. */
  readonly entries: readonly string[];
  readonly #folders: readonly string[];

  /** Makes the group in each hierarchy that a systemd uses: the one of version 2, and the one that is named systemd. */
  static async make(name: string): Promise<OwnCgroup> {
    const folders: string[] = [];
    for (const line of (await readFile("/proc/self/cgroup", "utf8")).split("\n")) {
      const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      if (path === undefined) continue;
      if (controllers === "name=systemd") folders.push(join("/sys/fs/cgroup/systemd", path, name));
      if (controllers === "") folders.push(join(await unifiedHierarchy(), path, name));
    }
    for (const folder of folders) await mkdir(folder);
    return new OwnCgroup(folders);
  }

  private constructor(folders: readonly string[]) {
    this.#folders = folders;
    this.entries = folders.map((folder) => join(folder, "cgroup.procs"));
  }

  /** Removes the group and those that the host has made in it. Processes that were just killed may still leave it. */
  async remove(): Promise<void> {
    for (const folder of this.#folders)
      await expect.poll(() => removed(folder), { timeout: 60_000, interval: 20 }).toBe(true);
  }
}

/** Where version 2 is mounted: beside the hierarchies of version 1, or alone. */
async function unifiedHierarchy(): Promise<string> {
  const mounts = await readFile("/proc/self/mounts", "utf8");
  return mounts.includes(" /sys/fs/cgroup/unified cgroup2 ") ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
}

/** Removes a group with the groups in it. False if a process is still in one of them. */
async function removed(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory() && !(await removed(join(folder, entry.name)))) return false;
  return await rmdir(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === "ENOENT",
  );
}
