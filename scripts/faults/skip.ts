import type { TestContext } from "vitest";

/** Skips a test for want of something, and says so where nobody overlooks it. */
export function skipIfLacking(skip: TestContext["skip"], lacking: string | undefined): void {
  if (lacking === undefined) return;
  const note = `this machine cannot run it: ${lacking}`;
  console.warn(`SKIPPED, ${note}`);
  skip(note);
}
