import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { Namespace } from "./namespace.ts";

const run = promisify(execFile);

/** From 198.18.0.0/15, which RFC 2544 reserves for network tests. */
const NETWORKS = "198.18";

/** The name of this machine's end of a cable starts with this; the id of the keeper process follows. */
const CABLE = "zedops-";

/** The agent's end of the cable. */
const INTERFACE = "eth0";

/**
 * The network of a host, connected to this machine only, by a virtual cable that can lose packets or be unplugged.
 */
export class Network {
  /** This machine's address at the other end of the cable. */
  readonly address: string;
  readonly #namespace: Namespace;

  /** Why this machine cannot have one; undefined if it can. */
  static async lacking(): Promise<string | undefined> {
    const lacking = await Namespace.lacking("net", "ip", "nft");
    if (lacking !== undefined) return lacking;
    return await run("unshare", ["--net", "nft", losing(3)]).then(
      () => undefined,
      () => "this kernel has no numgen for nftables",
    );
  }

  static async open(): Promise<Network> {
    await sweep();
    const namespace = await Namespace.open("net");
    // From the keeper's process id, so that no two of these networks have the same at the same time.
    const id = namespace.pid % 16_384;
    const prefix = `${NETWORKS}.${id >> 6}.${(id & 63) << 2}`;
    const [here, there] = [1, 2].map((end) => prefix.replace(/\d+$/, (last) => String(Number(last) + end)));
    const cable = `${CABLE}${namespace.pid}`;
    const network = new Network(namespace, here ?? "");
    await run("ip", ["link", "add", cable, "type", "veth", "peer", INTERFACE, "netns", String(namespace.pid)]);
    await run("ip", ["address", "add", `${here}/30`, "dev", cable]);
    await run("ip", ["link", "set", cable, "up"]);
    await namespace.run("ip", "address", "add", `${there}/30`, "dev", INTERFACE);
    await namespace.run("ip", "link", "set", INTERFACE, "up");
    return network;
  }

  private constructor(namespace: Namespace, address: string) {
    this.#namespace = namespace;
    this.address = address;
  }

  /** The command that runs an agent in this network. */
  get launcher(): readonly string[] {
    return this.#namespace.launcher;
  }

  /** Drops that many of ten packets, at random, each way. */
  async lose(ofTen: number): Promise<void> {
    await this.#namespace.run("nft", losing(ofTen));
  }

  /** How many packets have been dropped since `lose`. */
  async dropped(): Promise<number> {
    const rules = await this.#namespace.run("nft", "list table ip faults");
    return [...rules.matchAll(/counter packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Unplugs the cable. */
  async unplug(): Promise<void> {
    await this.#namespace.run("ip", "link", "set", INTERFACE, "down");
  }

  async heal(): Promise<void> {
    await this.#namespace.run("nft", "flush ruleset");
    await this.#namespace.run("ip", "link", "set", INTERFACE, "up");
  }

  /** Removes the namespace with its end of the cable, and so the cable. */
  async close(): Promise<void> {
    await this.#namespace.close();
  }
}

/** The nftables rules that drop that many of ten packets, each way. */
function losing(ofTen: number): string {
  const chains = ["input", "output"].map(
    (hook) =>
      `chain ${hook} { type filter hook ${hook} priority 0; numgen random mod 10 <= ${ofTen - 1} counter drop; };`,
  );
  return `table ip faults { ${chains.join(" ")} }`;
}

/** Removes the cables of runs that crashed: an open connection can keep a cable for minutes. */
async function sweep(): Promise<void> {
  for (const name of await readdir("/sys/class/net")) {
    const keeper = name.startsWith(CABLE) ? name.slice(CABLE.length) : undefined;
    if (keeper === undefined || !/^\d+$/.test(keeper) || existsSync(`/proc/${keeper}`)) continue;
    // It may disappear by itself at this moment.
    await run("ip", ["link", "delete", name]).catch(() => {});
  }
}
