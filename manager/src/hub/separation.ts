/** Gives the second host of a clone an identity of its own. Uses the registry, and reaches the host through `offer` alone. */

import { randomId, sha256Hex } from "../digest.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import { dropSeparated, finishSeparation, insertSeparated } from "../registry/clones.ts";
import { mintAgentToken } from "../tokens.ts";

/**
 * Makes a new agent of the host that is connected as `agentId`.
 * @param offer has the host store a token; after a failure the host may have stored it or not
 * @returns the id of the new agent
 */
export async function separateHost(
  env: Env,
  agentId: string,
  offer: (token: string) => Promise<Outcome<null>>,
): Promise<Outcome<string>> {
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
