import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Namespace } from "./namespace.ts";

/** No name server listens here. */
const NO_SERVER = "127.0.0.253";

/** The name resolution of one agent's host: only its /etc/hosts. */
export class NameService {
  readonly #namespace: Namespace;
  readonly #dir: string;

  static async open(): Promise<NameService> {
    const dir = await mkdtemp(join(tmpdir(), "zedops-names-"));
    const service = new NameService(await Namespace.open("mount"), dir);
    const [hosts, servers] = [join(dir, "hosts"), join(dir, "resolv.conf")];
    await writeFile(hosts, "");
    await writeFile(servers, `nameserver ${NO_SERVER}\noptions timeout:1 attempts:1\n`);
    await service.#namespace.run("mount", "--bind", hosts, "/etc/hosts");
    await service.#namespace.run("mount", "--bind", servers, "/etc/resolv.conf");
    return service;
  }

  private constructor(namespace: Namespace, dir: string) {
    this.#namespace = namespace;
    this.#dir = dir;
  }

  /** The command that runs an agent with this name resolution. */
  get launcher(): readonly string[] {
    return this.#namespace.launcher;
  }

  /** Makes only these names known. */
  async know(...names: string[]): Promise<void> {
    // Written in place, because this file itself is mounted.
    await writeFile(join(this.#dir, "hosts"), names.map((name) => `127.0.0.1 ${name}\n`).join(""));
  }

  async close(): Promise<void> {
    await this.#namespace.close();
    await rm(this.#dir, { recursive: true });
  }
}
