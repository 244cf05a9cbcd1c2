import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of the releases that the tests of this run have extracted. */
    releases: string;
  }
}

/** Makes the folder. The first test that needs a release extracts it, so the other tests do not wait for it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "zedops-releases-"));
  project.provide("releases", folder);
  return () => rm(folder, { recursive: true });
}
