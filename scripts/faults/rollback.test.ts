import { copyFile, cp, mkdir, mkdtempDisposable, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { dumpStored, runManagerTest } from "../stack/manager-test.ts";
import { Release, releases } from "../stack/release.ts";
import { inRepository } from "../stack/repository.ts";
import { Stack } from "../stack/stack.ts";

for (const commit of releases) {
  const lacking = await Release.lacking(commit);
  if (lacking !== undefined) console.warn(`SKIPPED, this machine cannot run it: ${lacking}`);

  describe.skipIf(lacking !== undefined)(`the release ${commit}`, () => {
    test("wakes with what the present code has stored, in a database that stays migrated", async ({
      onTestFinished,
    }) => {
      const stack = new Stack();
      onTestFinished(() => stack.stop());
      await using folder = await mkdtempDisposable(join(tmpdir(), "zedops-rollback-"));
      // A copy of its own: the files that are put into it are no part of the release.
      const release = await Release.open(commit, folder.path);
      const dump = await dumpStored(stack, await Release.ofPresent(folder.path));

      const manager = join(release.dir, "manager");
      await rm(join(manager, "migrations"), { recursive: true });
      await cp(inRepository("manager/migrations"), join(manager, "migrations"), { recursive: true });
      for (const file of ["test/load-fixtures.ts", "test/fixtures.test.ts"])
        await copyFile(inRepository("manager", file), join(manager, file));
      await mkdir(join(manager, "test/fixtures"));
      await writeFile(join(manager, "test/fixtures/present.json"), JSON.stringify(dump));
      await runManagerTest(stack, release, "test/fixtures.test.ts");
    });
  });
}
