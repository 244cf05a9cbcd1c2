import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { Namespace } from "./namespace.ts";

const run = promisify(execFile);

/** Of 198.18.0.0/15, which is there for tests of networks: RFC 2544. */
const NETWORKS = "198.18";

/** This machine's end of a cable is called this and the process that keeps the other. */
const CABLE = "zedops-";

/** The agent's end of the cable. */
const INTERFACE = "eth0";

/**
 * A host's network, joined to this machine by a virtual cable that can lose packets or be pulled out. Nothing but this
 * machine can be reached from it.
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
    // Of the keeper: no other of these networks has the same at the same time.
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

  /** The command that runs an agent in there. */
  get launcher(): readonly string[] {
    return this.#namespace.launcher;
  }

  /** Drops that many of ten packets at random, each way. */
  async lose(ofTen: number): Promise<void> {
    await this.#namespace.run("nft", losing(ofTen));
  }

  /** How many packets have been dropped since `lose`. */
  async dropped(): Promise<number> {
    const rules = await this.#namespace.run("nft", "list table ip faults");
    return [...rules.matchAll(/counter packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Pulls the cable out. */
  async unplug(): Promise<void> {
    await this.#namespace.run("ip", "link", "set", INTERFACE, "down");
  }

  async heal(): Promise<void> {
    await this.#namespace.run("nft", "flush ruleset");
    await this.#namespace.run("ip", "link", "set", INTERFACE, "up");
  }

  /** Takes its end of the cable away, and so the cable. */
  async close(): Promise<void> {
    await this.#namespace.close();
  }
}

/** The rules of nftables that drop so many of ten packets, each way. */
function losing(ofTen: number): string {
  const chains = ["input", "output"].map(
    (hook) =>
      `chain ${hook} { type filter hook ${hook} priority 0; numgen random mod 10 <= ${ofTen - 1} counter drop; };`,
  );
  return `table ip faults { ${chains.join(" ")} }`;
}

/** Takes away the cables of runs that died: a connection that hangs on a dead one can keep it for minutes. */
async function sweep(): Promise<void> {
  for (const name of await readdir("/sys/class/net")) {
    const keeper = name.startsWith(CABLE) ? name.slice(CABLE.length) : undefined;
    if (keeper === undefined || !/^\d+$/.test(keeper) || existsSync(`/proc/${keeper}`)) continue;
    // It may go by itself at this moment.
    await run("ip", ["link", "delete", name]).catch(() => {});
  }
}
