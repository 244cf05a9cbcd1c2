import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Platform } from "../stack/agent-binaries.ts";

const run = promisify(execFile);

/** Why this machine cannot boot a Debian of its own; undefined if it can. */
export async function canBoot(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root of a Linux machine may boot one";
  return await missing("systemd-nspawn", "debootstrap", "nsenter", "unshare");
}

/** Why this machine cannot run OpenRC in a root of busybox; undefined if it can. */
export async function canRunOpenrc(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root of a Linux machine may run it";
  return await missing("openrc", "busybox", "unshare", "nsenter", "ldd");
}

/** Says which of these programs is not installed; undefined if all are. */
export async function missing(...programs: string[]): Promise<string | undefined> {
  for (const program of programs) {
    const found = await run("sh", ["-c", `command -v ${program}`], {
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    }).then(
      () => true,
      () => false,
    );
    if (!found) return `${program} is not installed`;
  }
  return undefined;
}

/** The platform of this machine, as `make agents` names it. */
export function thisPlatform(): Platform {
  const arch = { x64: "amd64", arm64: "arm64", arm: "armv7", ia32: "386", riscv64: "riscv64" }[process.arch as string];
  if (arch === undefined) throw new Error(`no agent is built for ${process.arch}`);
  return { os: process.platform, arch };
}
