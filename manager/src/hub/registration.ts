/** What a registration makes of an admission: enrolment, rotation or neither. It asks the registry and knows no sockets. */

import { sha256Hex } from "../digest.ts";
import type { NamedHost } from "../presence/host.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import { PROTOCOL } from "../protocol/message.ts";
import { cut } from "../protocol/names.ts";
import type { Registration } from "../protocol/payloads.ts";
import { type Admission, enrol } from "../registry/admission.ts";
import { RegistryUnavailable } from "../registry/query.ts";
import { takeUpCandidate } from "../registry/rotation.ts";
import { mintAgentToken } from "../tokens.ts";

/** The agent as it is now known, and its token where it has just been given one. */
export interface Identity {
  readonly registered: NamedHost;
  readonly token?: string;
}

export async function enrolOrRotate(
  env: Env,
  admission: Admission,
  registration: Registration,
): Promise<Outcome<Identity>> {
  const { protocol, name, ...host } = registration;
  if (protocol !== PROTOCOL) return failure("unsupported_protocol", `this manager speaks protocol ${PROTOCOL}`);
  try {
    if (admission.enrolment !== null) {
      const token = await mintAgentToken(env, admission.agentId);
      const wanted = name ?? admission.enrolment.hostName ?? cut(host.hostname, 64);
      const hash = await sha256Hex(token);
      const enrolled = await enrol(env.DB, admission, admission.enrolment, host, wanted, hash, Date.now());
      return enrolled.ok ? { ok: true, value: { registered: { name: enrolled.value, host }, token } } : enrolled;
    }
    if (admission.candidateHash !== null) {
      const taken = await takeUpCandidate(env.DB, admission.agentId, admission.candidateHash);
      if (!taken) return failure("invalid_token", "the token has been replaced by a newer one");
    }
    return { ok: true, value: { registered: { name: admission.known?.name ?? host.hostname, host } } };
  } catch (error) {
    if (error instanceof RegistryUnavailable) return failure("registry_unavailable", error.message);
    throw error;
  }
}
