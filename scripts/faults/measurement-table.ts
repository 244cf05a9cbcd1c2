import { writeFile } from "node:fs/promises";
import type { Reporter, TestCase } from "vitest/node";
import type { Measurement } from "./outage.ts";

/** Prints the measurements as a table for docs/RELIABILITY.md, also into the file MEASUREMENTS if that is set. */
export default class MeasurementTable implements Reporter {
  readonly #measurements: Measurement[] = [];

  onTestCaseResult(test: TestCase): void {
    const { measurement } = test.meta();
    if (test.ok() && measurement !== undefined) this.#measurements.push(measurement);
  }

  async onTestRunEnd(): Promise<void> {
    if (this.#measurements.length === 0) return;
    const table = [
      "| fault | offline in the API after | noticed by the agent after | recovered after |",
      "|---|---|---|---|",
      ...this.#measurements
        .toSorted((a, b) => a.fault.localeCompare(b.fault))
        .map(({ fault, offlineMs, noticedMs, recoveredMs }) => {
          const cells = [fault, ...[offlineMs, noticedMs, recoveredMs].map(seconds)];
          return `| ${cells.join(" | ")} |`;
        }),
    ].join("\n");
    console.log(`\n${table}\n`);
    const { MEASUREMENTS: file } = process.env;
    if (file) await writeFile(file, `${table}\n`);
  }
}

function seconds(ms: number | null): string {
  return ms === null ? "–" : `${(ms / 1_000).toFixed(1)} s`;
}
