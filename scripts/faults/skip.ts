import type { TestContext } from "vitest";

/** Skips a test if this machine lacks something, and prints the reason. */
export function skipIfLacking(skip: TestContext["skip"], lacking: string | undefined): void {
  if (lacking === undefined) return;
  const note = `this machine cannot run it: ${lacking}`;
  console.warn(`SKIPPED, ${note}`);
  skip(note);
}
