/** Handles a beat with data, or a beat over HTTP: docs/PROTOCOL.md "agent.heartbeat". */
import { failure, type Outcome } from "../protocol/errors.ts";
import type { Beat, BeatAck } from "../protocol/payloads.ts";
import type { Admission } from "../registry/admission.ts";
import type { Roster } from "./roster.ts";

/**
 * Renews the agent's lease and stores the values that the agent measured. Over HTTP it begins a lease if there is none.
 */
export function heartbeat(roster: Roster, admission: Admission, beat: Beat): Outcome<BeatAck> {
  // Over HTTP, an enrolment token is good for the registration only. A socket opened with it may beat after its
  // registration.
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
  const { state } = connection;
  const [rttMs, skewMs] = [beat.rttMs ?? state.rttMs, beat.skewMs ?? state.skewMs];
  const isNews = rttMs !== state.rttMs || skewMs !== state.skewMs;
  Object.assign(state, { rttMs, skewMs, lastMessageAt: now });
  roster.keep(connection);
  if (isNews) roster.tellPresence(connection);
  return { ok: true, value: { serverTime: now, leaseMs: connection.terms.leaseMs } };
}
