import { rm, writeFile } from "node:fs/promises";
import { Namespace } from "./namespace.ts";

/** Where a file system goes that only its namespace sees. */
const MOUNT_POINT = "/mnt";

/** Room for an agent's state, many times over. */
const SIZE = "256k";

/** A small file system of its own that can fill up, or become read-only. */
export class Disk {
  /** Its directory, as everyone sees it. */
  readonly path: string;
  readonly #namespace: Namespace;

  static async open(): Promise<Disk> {
    const namespace = await Namespace.open("mount");
    await namespace.run("mount", "-t", "tmpfs", "-o", `size=${SIZE},mode=0700`, "zedops-faults", MOUNT_POINT);
    return new Disk(namespace);
  }

  private constructor(namespace: Namespace) {
    this.#namespace = namespace;
    this.path = namespace.path(MOUNT_POINT);
  }

  /** Leaves room for nothing. */
  async fill(): Promise<void> {
    const stuffing = Buffer.alloc(4_096);
    for (;;) {
      try {
        await writeFile(this.#stuffing, stuffing, { flag: "a" });
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOSPC") return;
        throw error;
      }
    }
  }

  async protect(): Promise<void> {
    await this.#namespace.run("mount", "-o", "remount,ro", MOUNT_POINT);
  }

  /** Makes it as good as new, with the files that it has. */
  async mend(): Promise<void> {
    await this.#namespace.run("mount", "-o", "remount,rw", MOUNT_POINT);
    await rm(this.#stuffing, { force: true });
  }

  async close(): Promise<void> {
    await this.#namespace.close();
  }

  get #stuffing(): string {
    return `${this.path}/stuffing`;
  }
}
