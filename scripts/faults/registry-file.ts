import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The folder of D1 databases of the local runtime, below a lab's folder. Each is a file named by a hash. */
const FOLDER = "data/manager/v3/d1/miniflare-D1DatabaseObject";

/** The file of the manager's D1, opened beside the running manager, to make D1 fail. */
export class RegistryFile {
  readonly #database: DatabaseSync;
  #failing = false;

  static async open(labDir: string): Promise<RegistryFile> {
    const folder = join(labDir, FOLDER);
    const [file, ...others] = (await readdir(folder)).filter((name) => /^[0-9a-f]+\.sqlite$/.test(name));
    if (file === undefined || others.length > 0) throw new Error(`there should be one database in ${folder}`);
    return new RegistryFile(new DatabaseSync(join(folder, file), { timeout: 10_000 }));
  }

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** From now on every query that reads or writes an agent fails. */
  fail(): void {
    this.#database.exec("ALTER TABLE agents RENAME TO hidden");
    this.#failing = true;
  }

  recover(): void {
    this.#database.exec("ALTER TABLE hidden RENAME TO agents");
    this.#failing = false;
  }

  close(): void {
    if (this.#failing) this.recover();
    this.#database.close();
  }
}
