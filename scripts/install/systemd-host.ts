import { randomUUID } from "node:crypto";
import { expect, inject } from "vitest";
import { IsolatedRoot } from "./isolated-root.ts";
import { OwnCgroup } from "./own-cgroup.ts";
import { test as base } from "./site.ts";

/** Each test of a file has a host of its own, and a site that it shares with the others. */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("cgroup", async ({}, { onCleanup }) => {
    const cgroup = await OwnCgroup.make(`zedops-${randomUUID()}`);
    onCleanup(() => cgroup.remove());
    return cgroup;
  })
  .extend("host", async ({ site: _, cgroup }, { onCleanup }) => {
    const host = await bootDebian(cgroup);
    onCleanup(() => host.stop());
    return host;
  });

/** Boots a minimal Debian with systemd, from an empty root: nothing of ZedOps is on it. */
async function bootDebian(cgroup: OwnCgroup): Promise<IsolatedRoot> {
  const debian = inject("debian");
  if (debian === undefined) throw new Error("this machine cannot boot a Debian");
  // systemd-nspawn registers and restarts a container with the help of a systemd that runs this machine, which a machine
  // of CI does not have. What it leaves in /run goes with the mounts.
  const init = `for entry in ${cgroup.entries.join(" ")}; do echo 0 >"$entry"; done
    mkdir -p /run/systemd/nspawn; mount -t tmpfs tmpfs /run/systemd/nspawn
    while :; do
      systemd-nspawn --quiet --boot --register=no --keep-unit \\
        --machine=zedops-${randomUUID().slice(0, 8)} --directory="$ROOT" --resolv-conf=off --timezone=off \\
        --link-journal=no --console=pipe || :
    done`;
  const host = await IsolatedRoot.start(debian, init);
  await expect
    .poll(async () => (await host.run("systemctl is-system-running")).output.trim(), {
      timeout: 60_000,
      interval: 50,
      message: "it boots",
    })
    .toMatch(/^(running|degraded)$/);
  return host;
}

/** The process id of the agent in its host; 0 while it does not run. */
export async function mainPid(host: IsolatedRoot): Promise<number> {
  return Number(await host.must("systemctl show -P MainPID zedops-agent"));
}

/** How exposed the service is, from 0 (not at all) to 10; from `systemd-analyze security`. */
export async function exposure(host: IsolatedRoot): Promise<number> {
  const verdict = await host.must("systemd-analyze security --no-pager zedops-agent | tail -n 1");
  return Number(/: ([\d.]+) /.exec(verdict)?.[1] ?? Number.NaN);
}
