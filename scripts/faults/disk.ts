import { rm, writeFile } from "node:fs/promises";
import { Namespace } from "./namespace.ts";

/** The mount point of the file system, inside its namespace only. */
const MOUNT_POINT = "/mnt";

/** Many times the size of an agent's state. */
const SIZE = "256k";

/** A small file system that can be filled or made read-only. */
export class Disk {
  /** Its directory, as seen from outside the namespace. */
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

  /** Fills it completely. */
  async fill(): Promise<void> {
    const block = Buffer.alloc(4_096);
    for (;;) {
      try {
        await writeFile(this.#filler, block, { flag: "a" });
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOSPC") return;
        throw error;
      }
    }
  }

  async makeReadOnly(): Promise<void> {
    await this.#namespace.run("mount", "-o", "remount,ro", MOUNT_POINT);
  }

  /** Makes it writable again; its files stay. */
  async repair(): Promise<void> {
    await this.#namespace.run("mount", "-o", "remount,rw", MOUNT_POINT);
    await rm(this.#filler, { force: true });
  }

  async close(): Promise<void> {
    await this.#namespace.close();
  }

  get #filler(): string {
    return `${this.path}/filler`;
  }
}
