import { resolve } from "node:path";
import type { Stack } from "../stack/stack.ts";
import type { Outcome } from "./outcome.ts";
import { runVitest } from "./vitest.ts";

/** Runs the fault suite, docs/RELIABILITY.md, and ends with what it has measured. */
export async function runFaults(stack: Stack, extent: "short" | "full"): Promise<Outcome> {
  const { MEASUREMENTS: file } = process.env;
  return await runVitest(stack, "faults", "scripts/faults", {
    args: ["--reporter=./measurement-table.ts"],
    // It runs in another directory.
    env: { FAULTS: extent, ...(file && { MEASUREMENTS: resolve(file) }) },
  });
}
