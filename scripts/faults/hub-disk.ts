import { copyFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { Lab } from "../e2e/lab.ts";

const HubDisk = z.object({
  /** Its name, such as hub-0. */
  name: z.string(),
  /** The connections in its store. */
  connections: z.number(),
  /** The transitions that it has not written to the registry yet. */
  outbox: z.number(),
});
export type HubDisk = z.infer<typeof HubDisk>;

/** The stored state of the hubs of a lab's manager: workerd keeps one SQLite file for each. */
export async function readHubs(lab: Lab): Promise<HubDisk[]> {
  const folder = join(lab.dir, "data", "manager", "v3", "do", "zedops-AgentHub");
  const files = (await readdir(folder)).filter((name) => name.endsWith(".sqlite") && name !== "metadata.sqlite");
  const hubs = await Promise.all(files.map((file) => readHub(folder, file)));
  return hubs.toSorted((a, b) => a.name.localeCompare(b.name));
}

/** Reads a copy, because the manager may be running and this must not lock its files. */
async function readHub(folder: string, file: string): Promise<HubDisk> {
  const scratch = await mkdtemp(join(tmpdir(), "zedops-hub-"));
  try {
    const copy = join(scratch, file);
    await copyFile(join(folder, file), copy);
    // The newest transactions; absent if there are none.
    await copyFile(join(folder, `${file}-wal`), `${copy}-wal`).catch(() => {});
    using database = new DatabaseSync(copy);
    const row = database
      .prepare(
        `SELECT (SELECT name FROM __miniflare_do_name) AS name,
                (SELECT count(*) FROM connections) AS connections,
                (SELECT count(*) FROM outbox) AS outbox`,
      )
      .get();
    return HubDisk.parse(row);
  } finally {
    await rm(scratch, { recursive: true });
  }
}
