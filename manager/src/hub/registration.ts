/** `agent.register`: docs/PROTOCOL.md "Handshake". Frames and the HTTP fallback use the same code. */
import { sha256Hex } from "../digest.ts";
import type { NamedHost } from "../presence/host.ts";
import { failure, type Outcome } from "../protocol/errors.ts";
import { PROTOCOL } from "../protocol/message.ts";
import { cut } from "../protocol/names.ts";
import type { Registered, Registration } from "../protocol/payloads.ts";
import { type Admission, enrol } from "../registry/admission.ts";
import { RegistryUnavailable } from "../registry/query.ts";
import type { RefusedHost } from "../registry/refused-hosts.ts";
import { promoteCandidate } from "../registry/rotation.ts";
import { keyIdOf, mintAgentToken } from "../tokens.ts";
import type { Roster } from "./roster.ts";

export interface RegistrationEvents {
  /** A host has enrolled as a new agent. */
  readonly onEnrolled: (agentId: string) => void;
  /** A host was refused with an enrolment token. */
  readonly onRefused: (enrolmentId: string, host: RefusedHost) => void;
  /** A clone's second host has registered, and an operator has ordered its separation. */
  readonly onSecondHost: (admission: Admission) => void;
}

export class Registrations {
  readonly #env: Env;
  readonly #roster: Roster;
  readonly #events: RegistrationEvents;
  /** Registrations that wait for the registry, by connection id. */
  readonly #underway = new Map<string, Promise<Outcome<Registered>>>();

  constructor(env: Env, roster: Roster, events: RegistrationEvents) {
    this.#env = env;
    this.#roster = roster;
    this.#events = events;
  }

  /**
   * Enrols the agent if it uses an enrolment token, and puts it online. If a connection registers twice before the
   * first answer, both registrations get the same answer: otherwise two tokens would be made, and the second would make
   * the first void.
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
    const connection = connectionId === null ? undefined : this.#roster.connections.get(connectionId);
    // A second registration changes nothing. Its protocol version is still checked.
    if (connection?.state.registered && registration.protocol === PROTOCOL) {
      return { ok: true, value: { agentId, name: connection.state.registered.name } };
    }
    if (connection !== undefined && registration.protocol === PROTOCOL) connection.isRegistering = true;
    try {
      const identity = await enrolOrRotate(this.#env, admission, registration);
      if (!identity.ok) {
        this.#noteRefused(admission, registration, identity.error.code);
        return identity;
      }
      const { registered, labels = admission.labels, token } = identity.value;
      if (admission.enrolment !== null && admission.known === null) this.#events.onEnrolled(agentId);
      const arrived = this.#roster.arrive(admission, registered, registration.alignsHeartbeat);
      if (!arrived.ok) return arrived;
      if (admission.separate) this.#events.onSecondHost(admission);
      const optional = { ...(labels === undefined ? {} : { labels }), ...(token === undefined ? {} : { token }) };
      return { ok: true, value: { agentId, name: registered.name, ...optional } };
    } finally {
      if (connection !== undefined && registration.protocol === PROTOCOL) connection.isRegistering = false;
    }
  }

  #noteRefused({ enrolment, address }: Admission, { hostname }: Registration, code: string): void {
    if (enrolment === null || TEMPORARY.includes(code)) return;
    this.#events.onRefused(enrolment.id, { code, at: Date.now(), address, hostname });
  }
}

/** The host may try again with these: its token was not refused. */
const TEMPORARY: readonly string[] = ["registry_unavailable", "disconnected"];

/** The agent's name and host, and its labels and new token if it has just enrolled. */
interface Identity {
  readonly registered: NamedHost;
  readonly labels?: readonly string[];
  readonly token?: string;
}

/** Enrols the agent, or completes its rotation, or does neither, depending on its admission. */
async function enrolOrRotate(env: Env, admission: Admission, registration: Registration): Promise<Outcome<Identity>> {
  const { protocol, name, labels = [], version, os, arch, hostname } = registration;
  const host = { version, os, arch, hostname };
  if (protocol !== PROTOCOL) return failure("unsupported_protocol", `this manager speaks protocol ${PROTOCOL}`);
  try {
    if (admission.enrolment !== null) {
      const token = await mintAgentToken(env, admission.agentId);
      const wanted = name ?? admission.enrolment.hostName ?? cut(host.hostname, 64);
      const introduction = { name: wanted, labels, host };
      const signed = { hash: await sha256Hex(token), keyId: keyIdOf(token) };
      const enrolled = await enrol(env.DB, admission, admission.enrolment, introduction, signed, Date.now());
      if (!enrolled.ok) return enrolled;
      return {
        ok: true,
        value: { registered: { name: enrolled.value.name, host }, labels: enrolled.value.labels, token },
      };
    }
    if (admission.candidateHash !== null) {
      const taken = await promoteCandidate(env.DB, admission.agentId, admission.candidateHash);
      if (!taken) return failure("invalid_token", "the token has been replaced by a newer one");
    }
    return { ok: true, value: { registered: { name: admission.known?.name ?? host.hostname, host } } };
  } catch (error) {
    if (error instanceof RegistryUnavailable) return failure("registry_unavailable", error.message);
    throw error;
  }
}
