import { setTimeout as pause } from "node:timers/promises";
import { Child, type Ending } from "../stack/child.ts";
import { inRepository } from "../stack/repository.ts";
import { type Process, processes, processTree } from "./process-tree.ts";

/** Much shorter than the life of any process of interest. */
const WATCH_EVERY_MS = 10;

/** `make up` with its own port and data directory. Its processes are watched from the start. */
export class Up {
  readonly url: string;
  /** What it has written so far. */
  text = "";
  /** Every process that it was seen to run, with its last arguments. */
  readonly seen = new Map<number, Process>();
  /** All arguments that any of them had: a process changes its arguments when it executes another program. */
  readonly commands = new Set<string>();
  readonly #make: Child;
  readonly #watching: Promise<void>;

  constructor(dataDir: string, port: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.#make = new Child({
      name: "make up",
      file: "make",
      args: ["up"],
      cwd: inRepository(),
      env: {
        ...process.env,
        DATA_DIR: dataDir,
        PORT: String(port),
        AGENT_NAME: "here",
        ADMIN_PASSWORD: "another-managers",
      },
      onLine: (line) => {
        this.text += `${line}\n`;
      },
    });
    this.#watching = this.#watch();
  }

  /** Does what a terminal does on Ctrl-C: signals the foreground group, which is make and the script. */
  pressCtrlC(): void {
    this.#make.signal("SIGINT");
  }

  /** The process id of the script that make runs. */
  get script(): number {
    const found = [...this.seen.values()].find(({ command }) => command.includes("scripts/up.ts"));
    if (found === undefined) throw new Error("make has not started its script");
    return found.pid;
  }

  /** Kills make and nothing else. */
  killMake(): void {
    if (this.#make.pid !== undefined) process.kill(this.#make.pid, "SIGKILL");
  }

  /** Waits until make has ended, and returns its exit code or signal. */
  async ended(): Promise<Ending> {
    const ending = await this.#make.ended;
    await this.#watching;
    return ending;
  }

  /** Those of its processes that still run. */
  async survivors(): Promise<Process[]> {
    const now = await processes();
    return now.filter(({ pid, command }) => this.seen.get(pid)?.command === command);
  }

  async #watch(): Promise<void> {
    let running = true;
    void this.#make.ended.then(() => {
      running = false;
    });
    while (running) {
      for (const process of await processTree(this.#make.pid ?? 0)) {
        this.seen.set(process.pid, process);
        this.commands.add(process.command);
      }
      await pause(WATCH_EVERY_MS);
    }
  }
}
