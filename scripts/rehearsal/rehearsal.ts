import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { deploy } from "../deploy/deploy.ts";
import type { Terminal } from "../deploy/terminal.ts";
import { Vendor } from "./vendor.ts";

/** An operator with an account at the stand-in for Cloudflare, who runs the real wrangler. */
export class Rehearsal {
  readonly vendor: Vendor;
  readonly terminal: Terminal;
  /** What the commands have printed. */
  readonly said: string[] = [];
  /** What the operator types when a secret is asked for; nobody is there when it is empty. */
  readonly answers: string[] = [];
  readonly #folder: string;

  /** @param managerUrl where the deployed manager is reached, in place of its address on workers.dev */
  static async open(managerUrl: string): Promise<Rehearsal> {
    const folder = await mkdtemp(join(tmpdir(), "zedops-rehearsal-"));
    return new Rehearsal(folder, await Vendor.open(folder), managerUrl);
  }

  private constructor(folder: string, vendor: Vendor, managerUrl: string) {
    this.#folder = folder;
    this.vendor = vendor;
    this.terminal = {
      // A home without a log-in.
      env: {
        ...{ HOME: folder, XDG_CONFIG_HOME: folder, DATA_DIR: folder, MANAGER_URL: managerUrl, ...vendor.environment },
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      },
      say: (line) => this.said.push(line),
      askSecret: async () => this.answers.shift(),
    };
  }

  /** Everything that was printed. */
  get output(): string {
    return this.said.join("\n");
  }

  /** A path in the operator's own folder. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Runs `make deploy` without its build. */
  async deploy(release: string, options: { dryRun?: boolean } = {}): Promise<void> {
    await deploy(this.terminal, { build: async () => {}, release, ...options });
  }

  /** Ends it, and fails if wrangler has called something that the stand-in does not know. */
  async close(): Promise<void> {
    await this.vendor.close();
    // wrangler may still write its log.
    await rm(this.#folder, { recursive: true, maxRetries: 20 });
    expect(this.vendor.unknown).toEqual([]);
  }
}
