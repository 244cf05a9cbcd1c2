import type { Stack } from "../stack/stack.ts";
import type { Outcome } from "./outcome.ts";
import { type ProcessOptions, runProcess, say } from "./process.ts";

export interface Check extends ProcessOptions {
  /** Its name in the output. */
  title: string;
  /** Whether output means failure too, as for `gofmt -l`. */
  mustBeSilent?: boolean;
}

/** Runs a check, which counts as one test. Its output is shown only if it fails. */
export async function runCheck(stack: Stack, check: Check): Promise<Outcome> {
  const start = performance.now();
  const lines: string[] = [];
  const succeeded = await runProcess(stack, { ...check, onLine: (line) => lines.push(line) });
  const ok = succeeded && !(check.mustBeSilent && lines.length > 0);
  return report(check.name, check.title, start, ok, lines);
}

/** Runs a check that is a function of this project and returns a line for each problem. It counts as one test. */
export async function runOwnCheck(name: string, title: string, check: () => Promise<string[]>): Promise<Outcome> {
  const start = performance.now();
  const problems = await check().catch((error: unknown) => [String(error)]);
  return report(name, title, start, problems.length === 0, problems);
}

function report(name: string, title: string, start: number, ok: boolean, lines: readonly string[]): Outcome {
  if (!ok) for (const line of lines) say(name, line);
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  say(name, `${ok ? "✓" : "✗"} ${title} (${seconds} s)`);
  return ok ? { passed: 1, failures: [] } : { passed: 0, failures: [`${name}: ${title}`] };
}
