import { resolve } from "node:path";
import type { Stack } from "../stack/stack.ts";
import type { Outcome } from "./outcome.ts";
import { runVitest } from "./vitest.ts";

/** Runs the fault suite, docs/RELIABILITY.md, which prints its measurements at the end. */
export async function runFaults(stack: Stack, mode: "short" | "full"): Promise<Outcome> {
  const { MEASUREMENTS: file } = process.env;
  return await runVitest(stack, "faults", "scripts/faults", {
    args: ["--reporter=./measurement-table.ts"],
    // An absolute path, because the suite runs in another directory.
    env: { FAULTS: mode, ...(file && { MEASUREMENTS: resolve(file) }) },
  });
}
