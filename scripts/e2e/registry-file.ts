import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** The folder of D1 databases of the local runtime, below a lab's folder. Each is a file named by a hash. */
const FOLDER = "data/manager/v3/d1/miniflare-D1DatabaseObject";

/** The file of the local manager's D1. */
export async function registryFile(labDir: string): Promise<string> {
  const folder = join(labDir, FOLDER);
  const [file, ...others] = (await readdir(folder)).filter((name) => /^[0-9a-f]+\.sqlite$/.test(name));
  if (file === undefined || others.length > 0) throw new Error(`there should be one database in ${folder}`);
  return join(folder, file);
}

/** Deletes the database of a manager that has ended. Returns the path at which the next one looks for it. */
export async function loseRegistry(labDir: string): Promise<string> {
  const file = await registryFile(labDir);
  for (const ending of ["", "-wal", "-shm"]) await rm(`${file}${ending}`, { force: true });
  return file;
}
