import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { z } from "zod";
import type { Lab } from "../e2e/lab.ts";
import { Child } from "../stack/child.ts";
import { inRepository } from "../stack/repository.ts";

/** A line of the fleet's journal: agent/cmd/fleet/journal.go. */
const FleetEvent = z.object({
  /** Unix milliseconds. */
  at: z.number(),
  agent: z.string(),
  event: z.enum(["connecting", "connected", "lost", "waiting", "received"]),
  waitMs: z.number().optional(),
  error: z.string().optional(),
  message: z.object({ subject: z.string(), data: z.unknown().optional() }).optional(),
});
export type FleetEvent = z.infer<typeof FleetEvent>;

export interface FleetOptions {
  agents: number;
  /** The URL that they connect to; the lab's manager by default. */
  managerUrl?: string;
  /** The patterns that every agent subscribes to; none by default. */
  subscribe?: string[];
}

/** Many agents in one process. A lab has one fleet at a time; the next fleet has the same identities. */
export class Fleet {
  readonly size: number;
  /** All events, in order. */
  readonly events: FleetEvent[] = [];
  readonly #process: Child;
  readonly #errors: string[] = [];

  /** Starts a fleet with the code of this repository. It enrols if the lab had none before. */
  static async start(lab: Lab, { agents, managerUrl = lab.url, subscribe = [] }: FleetOptions): Promise<Fleet> {
    const file = inRepository("agent/bin/zedops-fleet");
    await promisify(execFile)("go", ["build", "-buildvcs=false", "-o", file, "./cmd/fleet"], {
      cwd: inRepository("agent"),
    });
    const token = await lab.admin.mintToken({ name: "fleet", maxUses: agents });
    return new Fleet(lab, file, token, { agents, managerUrl, subscribe });
  }

  private constructor(lab: Lab, file: string, token: string, options: Required<FleetOptions>) {
    const { agents, managerUrl, subscribe } = options;
    this.size = agents;
    this.#process = new Child({
      name: "fleet",
      file,
      args: [
        ...["--manager", managerUrl, "--agents", String(agents), "--token-file", "-"],
        ...["--state", join(lab.dir, "fleet.json")],
        ...subscribe.flatMap((pattern) => ["--subscribe", pattern]),
      ],
      input: `${token}\n`,
      onLine: (line) => {
        lab.output.push(line);
        if (line.startsWith("{")) this.events.push(FleetEvent.parse(JSON.parse(line)));
        else this.#errors.push(line);
      },
    });
  }

  /** Returns the events from here on. Unlike a time, this does not depend on when a line was read. */
  mark(): () => FleetEvent[] {
    const start = this.events.length;
    return () => this.events.slice(start);
  }

  /** Waits until every agent has connected since the mark. */
  async untilConnected(since: () => FleetEvent[], timeout: number): Promise<void> {
    const connected = () => new Set(since().flatMap(({ event, agent }) => (event === "connected" ? [agent] : [])));
    await expect
      .poll(() => ({ connected: connected().size, errors: this.#errors }), { timeout, interval: 200 })
      .toEqual({ connected: this.size, errors: [] });
  }

  /** Stops every agent in order. */
  async stop(): Promise<void> {
    this.#process.signal("SIGTERM");
    expect(await this.#process.ended, this.#errors.join("\n")).toBe(0);
  }

  /** Kills it. */
  async end(): Promise<void> {
    await this.#process.kill();
  }
}
