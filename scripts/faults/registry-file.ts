import { DatabaseSync } from "node:sqlite";
import { registryFile } from "../e2e/registry-file.ts";

/** The file of the manager's D1, opened beside the running manager, to make D1 fail. */
export class RegistryFile {
  readonly #database: DatabaseSync;
  #failing = false;

  static async open(labDir: string): Promise<RegistryFile> {
    return new RegistryFile(new DatabaseSync(await registryFile(labDir), { timeout: 10_000 }));
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
