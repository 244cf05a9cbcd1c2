import { access, copyFile, cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { test as base, expect } from "vitest";
import { Lab } from "../e2e/lab.ts";
import { AgentList, agentVersion, buildAgents } from "../stack/agent-binaries.ts";
import { Release } from "../stack/release.ts";
import { inRepository } from "../stack/repository.ts";
import { Stack } from "../stack/stack.ts";
import { thisPlatform } from "./machine.ts";

/** A manager that serves the agent for this machine, as it does after `make agents` and a deploy. */
export class Site {
  readonly lab: Lab;
  /** The release of the agent that it serves. */
  version: string;
  readonly #download: string;
  readonly #config: string;
  readonly #stack: Stack;

  static async open(lab: Lab): Promise<Site> {
    const release = await Release.ofPresent(lab.dir);
    const site = new Site(lab, await agentVersion(), join(release.dir, "ui/dist/download"), release.managerConfig);
    await copyFile(inRepository("ui/public/_headers"), join(release.dir, "ui/dist/_headers"));
    await site.#build(site.version);
    await site.start();
    return site;
  }

  private constructor(lab: Lab, version: string, download: string, config: string) {
    this.lab = lab;
    this.#config = config;
    this.version = version;
    this.#download = download;
    this.#stack = new Stack();
  }

  /** Starts the manager, with the data of the previous one. */
  async start(): Promise<void> {
    await this.lab.startManager({}, this.#config);
  }

  /** The agent that it serves. */
  async binary(): Promise<Buffer> {
    const { os, arch } = thisPlatform();
    return await readFile(join(this.#download, `zedops-agent-${os}-${arch}`));
  }

  /** The line that an operator pastes. */
  get oneLiner(): string {
    return `curl -fsSL ${this.lab.url}/install.sh | sh`;
  }

  /** Serves an agent of this version from now on. The sources are the same, but for what the build's variables say. */
  async release(version: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.version === version) return;
    await this.#build(version, env);
    // The development server lists its files anew when they change.
    await expect.poll(() => this.#servedVersion(), { timeout: 60_000 }).toBe(version);
    this.version = version;
  }

  async #build(version: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const folder = join(this.lab.dir, `built-${version}`);
    const isBuilt = await access(folder).then(
      () => true,
      () => false,
    );
    if (!isBuilt) await buildAgents(this.#stack, folder, { platforms: [thisPlatform()], version, env });
    await rm(this.#download, { recursive: true, force: true });
    await cp(folder, this.#download, { recursive: true });
  }

  async #servedVersion(): Promise<string | undefined> {
    const answer = await fetch(`${this.lab.url}/download/agents.json`).catch(() => undefined);
    return answer?.ok ? AgentList.parse(await answer.json()).version : undefined;
  }

  async close(): Promise<void> {
    await this.#stack.stop();
  }
}

/** The tests of a file share a manager with downloads. */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("lab", { scope: "file" }, async ({}, { onCleanup }) => {
    const lab = await Lab.open();
    onCleanup(() => lab.close());
    return lab;
  })
  .extend("site", { scope: "file" }, async ({ lab }, { onCleanup }) => {
    const site = await Site.open(lab);
    onCleanup(() => site.close());
    return site;
  });
