/** Gives the second host of a clone an identity of its own. */
import { randomId, sha256Hex } from "../digest.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import { dropSeparated, finishSeparation, insertSeparated } from "../registry/clones.ts";
import { mintAgentToken } from "../tokens.ts";
import type { Roster } from "./roster.ts";

/** Has a host store a token; after a failure the host may have stored it or not. */
type Offer = (token: string) => Promise<Outcome<null>>;

export class Separations {
  readonly #env: Env;
  readonly #roster: Roster;
  /**
   * Agents whose second host is being offered an identity: a second offer would replace the first on the host's disk.
   */
  readonly #underway = new Set<string>();

  constructor(env: Env, roster: Roster) {
    this.#env = env;
    this.#roster = roster;
  }

  /**
   * Gives the host of this boot an identity of its own, if it is the connected one. Otherwise it gets one when it next
   * is.
   * @returns the id of the new agent, or null when the host is not connected, or is being given one already
   */
  async separate(agentId: string, bootId: string, offer: Offer): Promise<Outcome<string | null>> {
    if (this.#roster.live(agentId)?.bootId !== bootId || this.#underway.has(agentId)) return { ok: true, value: null };
    this.#underway.add(agentId);
    try {
      return await separateHost(this.#env, agentId, offer);
    } finally {
      this.#underway.delete(agentId);
    }
  }
}

/** Makes a new agent of the host that is connected as `agentId`. Returns the id of the new agent. */
async function separateHost(env: Env, agentId: string, offer: Offer): Promise<Outcome<string>> {
  const id = randomId();
  const token = await mintAgentToken(env, id);
  const tokenHash = await sha256Hex(token);
  const separated = { id, from: agentId, installId: randomId(), tokenHash, now: Date.now() };
  if (!(await insertSeparated(env.DB, separated))) {
    return failure("disconnected", "the agent has been revoked or removed");
  }
  const stored = await offer(token);
  if (!stored.ok && (await dropSeparated(env.DB, id))) return stored;
  await finishSeparation(env.DB, agentId);
  return { ok: true, value: id };
}
