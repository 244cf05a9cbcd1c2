/** How many sockets one token may hold in a hub before their agents have registered, or after the hub has closed them. */
import type { Admission } from "../registry/admission.ts";
import type { Connection } from "./connection.ts";
import { MultiMap } from "./multimap.ts";

/**
 * The largest number of unregistered connections of one token, and of these together with the sockets that the hub has closed
 * and the client has not. A client that ignores the close can still send frames to the hub.
 */
const LIMITS = {
  agent: { unregistered: 4, withClosing: 16 },
  enrolmentOfOneHost: { unregistered: 4, withClosing: 8 },
  enrolmentOfSeveralHosts: { unregistered: 64, withClosing: 128 },
} as const;

export class TokenSlots {
  readonly #unregistered = new MultiMap<Connection>();
  /** How many sockets the hub has closed and the client has not. */
  readonly #closing = new Map<string, number>();
  /** The token of each of these sockets: when a hub is drained, each of its sockets is looked for here. */
  readonly #closingTokens = new Map<WebSocket, string>();

  /** Whether one more unregistered connection may be opened with this token. */
  hasRoomFor(admission: Admission): boolean {
    const token = tokenOf(admission);
    const unregistered = this.#unregistered.count(token);
    const limits = limitsOf(admission);
    return unregistered < limits.unregistered && unregistered + this.#closingOf(token) < limits.withClosing;
  }

  /** How many connections have not registered yet. */
  get unregisteredCount(): number {
    return this.#unregistered.size;
  }

  /** The connections that have not registered yet. It is a copy. */
  unregistered(): Connection[] {
    return this.#unregistered.all();
  }

  add(connection: Connection): void {
    this.#unregistered.add(tokenOf(connection.state.admission), connection);
  }

  /** The connection has registered or ended. */
  remove(connection: Connection): void {
    this.#unregistered.delete(tokenOf(connection.state.admission), connection);
  }

  /** The hub has closed this socket; the client has not yet. */
  addClosing(socket: WebSocket, admission: Admission): void {
    if (this.#closingTokens.has(socket)) return;
    const token = tokenOf(admission);
    this.#closingTokens.set(socket, token);
    this.#closing.set(token, this.#closingOf(token) + 1);
  }

  /** The socket is closed at both ends, or broken. */
  forgetSocket(socket: WebSocket): void {
    const token = this.#closingTokens.get(socket);
    if (token === undefined) return;
    this.#closingTokens.delete(socket);
    const left = this.#closingOf(token) - 1;
    if (left === 0) this.#closing.delete(token);
    else this.#closing.set(token, left);
  }

  #closingOf(token: string): number {
    return this.#closing.get(token) ?? 0;
  }
}

function limitsOf({ enrolment }: Admission) {
  if (enrolment === null) return LIMITS.agent;
  return enrolment.maxUses > 1 ? LIMITS.enrolmentOfSeveralHosts : LIMITS.enrolmentOfOneHost;
}

/** A key for the token that opened a connection. One enrolment token gives a different agent id for each install id. */
function tokenOf({ enrolment, agentId }: Admission): string {
  return enrolment === null ? `agent ${agentId}` : `enrolment ${enrolment.id}`;
}
