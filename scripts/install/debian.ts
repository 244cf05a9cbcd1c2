import { execFile } from "node:child_process";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { canBoot } from "./machine.ts";

const run = promisify(execFile);

declare module "vitest" {
  interface ProvidedContext {
    /** The root directory of an unpacked minimal Debian; undefined if this machine cannot boot one. */
    debian: string | undefined;
  }
}

/**
 * Unpacks the Debian that every container of this run starts from. No test writes into it. `DEBIAN` names one that is
 * unpacked already, which saves the time.
 */
export default async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const lacking = await canBoot();
  if (lacking !== undefined) {
    console.warn(`SKIPPED, no Debian is booted: ${lacking}`);
    provide("debian", undefined);
    return undefined;
  }
  const { DEBIAN } = process.env;
  if (DEBIAN) {
    provide("debian", DEBIAN);
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), "zedops-debian-"));
  const root = join(folder, "root");
  const begun = performance.now();
  // Its own release, as far as debootstrap knows it: the package lists and the keys of this machine fit it.
  const { stdout: suite } = await run("sh", ["-c", '. /etc/os-release && echo "$' + '{VERSION_CODENAME:-stable}"']);
  await run("debootstrap", ["--variant=minbase", "--include=systemd,curl", suite.trim(), root], {
    maxBuffer: 64 << 20,
  });
  await access(join(root, "lib/systemd/systemd"));
  console.log(`unpacked Debian ${suite.trim()} in ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
  provide("debian", root);
  return () => rm(folder, { recursive: true });
}
