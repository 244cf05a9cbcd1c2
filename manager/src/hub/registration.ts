/** `agent.register`: docs/PROTOCOL.md "Handshake". It is the same for a frame and for its HTTP fallback. */
import { sha256Hex } from "../digest.ts";
import type { NamedHost } from "../presence/host.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import { PROTOCOL } from "../protocol/message.ts";
import { cut } from "../protocol/names.ts";
import type { Registered, Registration } from "../protocol/payloads.ts";
import { type Admission, enrol } from "../registry/admission.ts";
import { RegistryUnavailable } from "../registry/query.ts";
import { takeUpCandidate } from "../registry/rotation.ts";
import { mintAgentToken } from "../tokens.ts";
import type { Roster } from "./roster.ts";

export class Registrations {
  readonly #env: Env;
  readonly #roster: Roster;
  readonly #onSecondHost: (admission: Admission) => void;
  /** Those that wait for the registry, by connection id. */
  readonly #underway = new Map<string, Promise<Outcome<Registered>>>();

  /** @param onSecondHost told when the second host of a clone has registered that is to get an identity of its own */
  constructor(env: Env, roster: Roster, onSecondHost: (admission: Admission) => void) {
    this.#env = env;
    this.#roster = roster;
    this.#onSecondHost = onSecondHost;
  }

  /**
   * Enrols the agent if it came with an enrolment, and makes its connection, or its HTTP lease, live. If a connection
   * registers twice before the first answer, both get the same answer: of two tokens, the second would void the first.
   */
  async register(admission: Admission, registration: Registration): Promise<Outcome<Registered>> {
    const { connectionId } = admission;
    if (connectionId === null || registration.protocol !== PROTOCOL) return this.#register(admission, registration);
    let underway = this.#underway.get(connectionId);
    if (underway === undefined) {
      underway = this.#register(admission, registration).finally(() => this.#underway.delete(connectionId));
      this.#underway.set(connectionId, underway);
    }
    return underway;
  }

  async #register(admission: Admission, registration: Registration): Promise<Outcome<Registered>> {
    const { agentId, connectionId } = admission;
    const connection = connectionId === null ? undefined : this.#roster.get(connectionId);
    // Registering again tells nothing new, but still has to be in a protocol that both ends speak.
    if (connection?.state.registered && registration.protocol === PROTOCOL) {
      return { ok: true, value: { agentId, name: connection.state.registered.name } };
    }
    if (connection !== undefined) connection.isRegistering = true;
    try {
      const identity = await enrolOrRotate(this.#env, admission, registration);
      if (!identity.ok) return identity;
      const { registered, token } = identity.value;
      const arrived = this.#roster.arrive(admission, registered);
      if (!arrived.ok) return arrived;
      if (admission.separate) this.#onSecondHost(admission);
      return { ok: true, value: { agentId, name: registered.name, ...(token === undefined ? {} : { token }) } };
    } finally {
      if (connection !== undefined) connection.isRegistering = false;
    }
  }
}

/** The agent as it is now known, and its token where it has just been given one. */
interface Identity {
  readonly registered: NamedHost;
  readonly token?: string;
}

/** What a registration makes of an admission: an enrolment, a rotation, or neither. */
async function enrolOrRotate(env: Env, admission: Admission, registration: Registration): Promise<Outcome<Identity>> {
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
