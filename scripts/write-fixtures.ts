/**
 * `node scripts/write-fixtures.ts <commit>` writes manager/test/fixtures/<commit>.json: what the manager of that release
 * stores, and how its Worker calls its hub. The release's own code writes it: manager/test/write-fixtures.ts runs inside
 * the extracted release. Nobody edits these files; the tests of later code read them.
 *
 * The file is one object:
 *
 *   commit      the release
 *   at          when it was dumped; Unix milliseconds
 *   settings    the variables and secrets of that manager, by name; the secrets are those of the tests
 *   kinds       by a title such as "registered": {agentId, connection, token?}, to find the rest
 *   sockets     [{tags, answeredAt, attachment}]: the hibernating sockets; answeredAt is the time of the last automatic answer
 *   alarm       when the hub's alarm rings; null if it has none
 *   hubSchema   the statements that make the tables of the hub's SQLite
 *   hub         by table: the rows of the hub's SQLite, as objects; D1 was out of reach, so `outbox` is not empty
 *   d1          by table: the rows of D1, likewise
 *   calls       [{method, args, result}]: RPC calls of the Worker; {"undefined": true} stands for undefined
 *   admissions  the text of the header Zedops-Admission of each upgrade, in order
 */
import { mkdir, mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { command } from "./stack/command.ts";
import { dumpStored } from "./stack/manager-test.ts";
import { Release, releases } from "./stack/release.ts";
import { inRepository } from "./stack/repository.ts";
import { UserError } from "./stack/user-error.ts";

await command(async (stack) => {
  const { positionals } = parseArgs({ allowPositionals: true });
  for (const commit of positionals.length > 0 ? positionals : releases) {
    const lacking = await Release.lacking(commit);
    if (lacking !== undefined) throw new UserError(lacking);
    await using folder = await mkdtempDisposable(join(tmpdir(), "zedops-release-"));
    const release = await Release.open(commit, folder.path);
    const dump = await dumpStored(stack, release);

    const file = inRepository("manager/test/fixtures", `${commit}.json`);
    await mkdir(inRepository("manager/test/fixtures"), { recursive: true });
    await writeFile(file, JSON.stringify({ commit, ...dump }, undefined, 2));
    const format = stack.start({
      name: "biome",
      file: inRepository("node_modules/.bin/biome"),
      args: ["format", "--write", file],
      cwd: inRepository(),
    });
    if ((await format.ended) !== 0) throw new UserError(`the format failed:\n${format.tail}`);
    console.log(file);
  }
  return 0;
});
