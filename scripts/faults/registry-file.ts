import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Where the local runtime keeps D1 databases, below a lab's folder; each in a file named by a hash. */
const FOLDER = "data/manager/v3/d1/miniflare-D1DatabaseObject";

/** The file behind the manager's D1, opened beside the running manager, so that D1 fails it as often as wanted. */
export class RegistryFile {
  readonly #database: DatabaseSync;
  #hidden = false;

  static async open(labDir: string): Promise<RegistryFile> {
    const folder = join(labDir, FOLDER);
    const [file, ...others] = (await readdir(folder)).filter((name) => /^[0-9a-f]+\.sqlite$/.test(name));
    if (file === undefined || others.length > 0) throw new Error(`there should be one database in ${folder}`);
    return new RegistryFile(new DatabaseSync(join(folder, file), { timeout: 10_000 }));
  }

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** From here every query that asks for an agent, or writes one, fails. */
  hide(): void {
    this.#database.exec("ALTER TABLE agents RENAME TO hidden");
    this.#hidden = true;
  }

  show(): void {
    this.#database.exec("ALTER TABLE hidden RENAME TO agents");
    this.#hidden = false;
  }

  close(): void {
    if (this.#hidden) this.show();
    this.#database.close();
  }
}
