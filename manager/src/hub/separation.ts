/** Reports a clone, and separates it: gives its second host its own identity. */
import { randomId, sha256Hex } from "../digest.ts";
import type { Log } from "../log.ts";
import type { CloneReport } from "../presence/clone.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import { dropSeparated, finishSeparation, insertSeparated, reportClone } from "../registry/clones.ts";
import { mintAgentToken } from "../tokens.ts";
import type { Roster } from "./roster.ts";

/** Offers a token to a host, which stores it. After a failure the host may or may not have stored it. */
type Offer = (token: string) => Promise<Outcome<null>>;

/** Called after a change of the registry, with its name in the live feed. */
type OnChange = (agentId: string, change: "clone" | "separated" | "enrolled" | "removed") => void;

export class Separations {
  readonly #env: Env;
  readonly #roster: Roster;
  readonly #log: Log;
  readonly #onChange: OnChange;
  /** Agents whose second host is being offered a token. A second offer would replace the first on the host's disk. */
  readonly #underway = new Set<string>();

  constructor(env: Env, roster: Roster, log: Log, onChange: OnChange) {
    this.#env = env;
    this.#roster = roster;
    this.#log = log;
    this.#onChange = onChange;
  }

  /**
   * Reports a clone to the registry. If a report is lost, the next one comes when the two hosts replace each other
   * again.
   */
  async report(agentId: string, report: CloneReport): Promise<void> {
    const addresses = { first: report.first.address, second: report.second.address };
    this.#log.warn("two live hosts share one identity", { agent: agentId, ...addresses });
    try {
      await reportClone(this.#env.DB, agentId, report);
    } catch {
      return;
    }
    this.#onChange(agentId, "clone");
  }

  /**
   * Gives the host with this boot id its own identity if it is connected now. If it is not, it gets one when it next
   * connects.
   * @returns the id of the new agent; null if the host is not connected, or if an offer to it is already under way
   */
  async separate(agentId: string, bootId: string, offer: Offer): Promise<Outcome<string | null>> {
    if (this.#roster.live(agentId)?.bootId !== bootId || this.#underway.has(agentId)) return { ok: true, value: null };
    this.#underway.add(agentId);
    try {
      return await this.#separateHost(agentId, offer);
    } finally {
      this.#underway.delete(agentId);
    }
  }

  /** Makes a new agent for the host that is now connected as `agentId`. Returns the id of the new agent. */
  async #separateHost(agentId: string, offer: Offer): Promise<Outcome<string>> {
    const env = this.#env;
    const id = randomId();
    const token = await mintAgentToken(env, id);
    const tokenHash = await sha256Hex(token);
    const separated = { id, from: agentId, installId: randomId(), tokenHash, now: Date.now() };
    if (!(await insertSeparated(env.DB, separated))) {
      return failure("disconnected", "the agent has been revoked or removed");
    }
    const stored = await offer(token);
    if (!stored.ok && (await dropSeparated(env.DB, id))) {
      // Somebody may have listed it meanwhile.
      this.#onChange(id, "removed");
      return stored;
    }
    await finishSeparation(env.DB, agentId);
    this.#onChange(agentId, "separated");
    this.#onChange(id, "enrolled");
    return { ok: true, value: id };
  }
}
