import { execFile } from "node:child_process";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { canBoot, missing } from "./machine.ts";

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
    // A machine that could run these tests must not pass without them.
    if (process.getuid?.() === 0 && (await missing("systemctl")) === undefined) throw new Error(lacking);
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
  // From where this machine gets its own packages: its keys fit, and it can reach that place.
  const unpack = `
    PATH=$PATH:/usr/sbin:/sbin
    read -r site suite <<END
$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' | head -n 1)
END
    eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
    export http_proxy
    debootstrap --variant=minbase --include=systemd,curl "$suite" "$0" "$site" || { tail -n 20 "$0/debootstrap/debootstrap.log"; exit 1; }`;
  await run("sh", ["-euc", unpack, root], { maxBuffer: 64 << 20 });
  await access(join(root, "lib/systemd/systemd"));
  console.log(`unpacked a Debian in ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
  provide("debian", root);
  return () => rm(folder, { recursive: true });
}
