import type { Stack } from "../stack/stack.ts";
import { fail, type Outcome, pass } from "./outcome.ts";
import { type ProcessOptions, runProcess, say } from "./process.ts";

export interface Check extends ProcessOptions {
  /** What it checks, in the output. */
  title: string;
  /** Whether output means failure too, as it does for `gofmt -l`. */
  mustBeSilent?: boolean;
}

/** Runs a check, which counts as one test. Its output is shown only if it fails. */
export async function runCheck(stack: Stack, check: Check): Promise<Outcome> {
  const lines: string[] = [];
  const succeeded = await runProcess(stack, { ...check, onLine: (line) => lines.push(line) });
  const ok = succeeded && !(check.mustBeSilent && lines.length > 0);
  if (!ok) for (const line of lines) say(check.name, line);
  say(check.name, `${ok ? "✓" : "✗"} ${check.title}`);
  return ok ? pass : fail;
}
