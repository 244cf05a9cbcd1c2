/** A beat that carries data, or comes over HTTP: docs/PROTOCOL.md "agent.heartbeat". */
import { failure, type Outcome } from "../protocol/errors.ts";
import type { Beat, BeatAck } from "../protocol/payloads.ts";
import type { Admission } from "../registry/admission.ts";
import type { Roster } from "./roster.ts";

/** Renews the agent's lease, or begins one over HTTP, and keeps what the agent measured. */
export function heartbeat(roster: Roster, admission: Admission, beat: Beat): Outcome<BeatAck> {
  // A socket that an enrolment token opened is the agent's once it has registered. Over HTTP that token only registers.
  if (admission.connectionId === null && admission.enrolment !== null) {
    return failure("not_registered", "register first, then beat with the agent's own token");
  }
  const now = Date.now();
  let connection = roster.live(admission.agentId);
  if (connection === undefined) {
    if (admission.known === null) return failure("not_registered", "register first");
    const arrived = roster.arrive({ ...admission, connectionId: null }, admission.known);
    if (!arrived.ok) return arrived;
    connection = arrived.value;
  }
  connection.state.rttMs = beat.rttMs ?? connection.state.rttMs;
  connection.state.skewMs = beat.skewMs ?? connection.state.skewMs;
  connection.state.lastMessageAt = now;
  roster.keep(connection);
  return { ok: true, value: { serverTime: now, leaseMs: connection.terms.leaseMs } };
}
