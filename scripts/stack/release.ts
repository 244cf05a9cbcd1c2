import { execFile } from "node:child_process";
import { access, copyFile, cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { devVarsFile, ensureDevVars } from "./dev-vars.ts";
import { inRepository, root } from "./repository.ts";

const run = promisify(execFile);

/** The releases that must work together with the present code: their commits, the newest last. */
export const releases = ["848e587"] as const;

/** Longer than the slowest extraction and build. */
const READY_WITHIN_MS = 120_000;

/**
 * A release of the past, extracted from git beside the present code. Its packages are those of this repository, and its
 * secrets are those of the local manager, so that tokens stay good when the manager changes.
 */
export class Release {
  readonly commit: string;
  /** Its root directory. */
  readonly dir: string;
  /** The agent for this machine, as built from the code of the release. */
  readonly agentBinary: string;
  /** The configuration that its manager is started with. */
  readonly managerConfig: string;

  private constructor(commit: string, dir: string) {
    this.commit = commit;
    this.dir = dir;
    this.agentBinary = join(dir, "agent/bin/zedops-agent");
    this.managerConfig = join(dir, "manager/wrangler.jsonc");
  }

  /** Why this machine cannot have that release; undefined if it can. */
  static async lacking(commit: string): Promise<string | undefined> {
    const found = await run("git", ["cat-file", "-e", `${commit}^{commit}`], { cwd: root }).then(
      () => true,
      () => false,
    );
    return found ? undefined : `git does not have the commit ${commit}; fetch the whole history`;
  }

  /** Extracts and builds the release below `folder`, or waits for the process that already does. */
  static async open(commit: string, folder: string): Promise<Release> {
    const release = new Release(commit, join(folder, commit));
    const ready = join(folder, `${commit}.ready`);
    const first = await mkdir(release.dir).then(
      () => true,
      () => false,
    );
    if (first) {
      await release.#extract();
      await writeFile(ready, "");
    }
    const deadline = performance.now() + READY_WITHIN_MS;
    while (!(await exists(ready))) {
      if (performance.now() > deadline) throw new Error(`nobody has made ${ready}`);
      await pause(100);
    }
    return release;
  }

  /** A copy of the present manager below `folder`, without its agent. */
  static async ofPresent(folder: string): Promise<Release> {
    const present = new Release("present", join(folder, "present"));
    for (const file of ["manager", "package.json", "tsconfig.base.json"])
      await cp(inRepository(file), join(present.dir, file), { recursive: true, filter: isSource });
    await present.#prepare();
    return present;
  }

  async #extract(): Promise<void> {
    const archive = `${this.dir}.tar`;
    await run("git", ["archive", "--output", archive, this.commit], { cwd: root });
    await run("tar", ["-x", "-f", archive, "-C", this.dir]);
    await rm(archive);
    await this.#prepare();
    await run(
      "go",
      [
        "build",
        "-buildvcs=false",
        "-trimpath",
        "-ldflags",
        `-s -w -X main.version=${this.commit}`,
        "-o",
        this.agentBinary,
        ".",
      ],
      {
        cwd: join(this.dir, "agent"),
        env: { ...process.env, CGO_ENABLED: "0" },
      },
    );
  }

  /** Gives it the packages and the secrets of this repository. */
  async #prepare(): Promise<void> {
    await symlink(inRepository("node_modules"), join(this.dir, "node_modules"));
    await ensureDevVars();
    await copyFile(devVarsFile, join(this.dir, "manager/.dev.vars"));
    // The Worker's configuration names this folder; no test looks at the dashboard of the past.
    await mkdir(join(this.dir, "ui/dist"), { recursive: true });
    await writeFile(join(this.dir, "ui/dist/index.html"), "<!doctype html><title>ZedOps</title>\n");
  }
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}

/** Whether git has the file, more or less. */
function isSource(file: string): boolean {
  return !/(node_modules|\.wrangler|\.dev\.vars|dist)$/.test(file);
}
