import { z } from "zod";
import type { Stack } from "../stack/stack.ts";
import { type Outcome, settle } from "./outcome.ts";
import { runProcess, say } from "./process.ts";

/** A line of `go test -json`; see `go doc test2json`. */
const Event = z.object({
  Action: z.string(),
  Package: z.string().optional(),
  Test: z.string().optional(),
  Output: z.string().optional(),
  Elapsed: z.number().optional(),
});
type Event = z.infer<typeof Event>;

/** Runs the agent's tests and counts them; a test that only groups others is not counted. */
export async function runGoTest(stack: Stack, name: string, folder: string, ...args: string[]): Promise<Outcome> {
  const tally = new GoTally((line) => say(name, line));
  const succeeded = await runProcess(stack, {
    name,
    folder,
    file: "go",
    args: ["test", "-json", ...args, "./..."],
    onLine: (line) => tally.read(line),
  });
  return settle(tally.outcome(), succeeded);
}

/** Turns the events of `go test -json` into counts, and into lines for people: a package each, and what failed. */
export class GoTally {
  readonly #results = new Map<string, boolean>();
  /** Tests that group others, and whether one of those has failed. */
  readonly #groups = new Map<string, boolean>();
  readonly #output = new Map<string, string[]>();
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  read(line: string): void {
    const event = parse(line);
    // Not an event: a message of the compiler's or of go itself.
    if (event === undefined) {
      this.#say(line);
      return;
    }
    const { Action, Package = "", Test } = event;
    const id = Test === undefined ? Package : `${Package}/${Test}`;
    if (event.Output !== undefined) this.#keep(id, event.Output);
    if (Action !== "pass" && Action !== "fail") return;
    if (Test !== undefined) {
      this.#results.set(id, Action === "pass");
      const end = Test.lastIndexOf("/");
      if (end > 0) this.#joinGroup(`${Package}/${Test.slice(0, end)}`, Action === "fail");
    } else {
      this.#say(`${Action === "pass" ? "✓" : "✗"} ${Package} (${event.Elapsed ?? 0} s)`);
    }
    if (Action === "fail") for (const output of this.#output.get(id) ?? []) this.#say(output);
    this.#output.delete(id);
  }

  outcome(): Outcome {
    // A group is counted only where it failed by itself.
    const tests = [...this.#results].filter(
      ([id, passed]) => !this.#groups.has(id) || !(passed || this.#groups.get(id)),
    );
    const passed = tests.filter(([, ok]) => ok).length;
    return { passed, failed: tests.length - passed };
  }

  #joinGroup(id: string, failed: boolean): void {
    this.#groups.set(id, failed || this.#groups.get(id) === true);
  }

  #keep(id: string, output: string): void {
    const lines = this.#output.get(id) ?? [];
    lines.push(output.trimEnd());
    this.#output.set(id, lines);
  }
}

function parse(line: string): Event | undefined {
  try {
    return Event.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
