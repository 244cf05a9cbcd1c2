/** Opens the socket of an agent: docs/PROTOCOL.md "Handshake". */
import type { Settings } from "../config.ts";
import { encode } from "../protocol/message.ts";
import type { Admission } from "../registry/admission.ts";
import type { Roster } from "./roster.ts";
import { welcome } from "./welcome.ts";

/** @returns 101 with the client's end of the socket, or 429 if the token has too many sockets that have yet to register */
export function upgrade(roster: Roster, settings: Settings, admission: Admission): Response {
  if (!roster.connections.hasRoomFor(admission)) {
    const error = { code: "too_many_requests", message: "too many connections of this token have yet to register" };
    return Response.json({ error }, { status: 429, headers: { "Retry-After": "2" } });
  }
  const { 0: client, 1: server } = new WebSocketPair();
  const { connection, beatDelayMs } = roster.accept(server, admission, admission.connectionId ?? "");
  const greeting = welcome(settings, connection.id, beatDelayMs, roster.expected, admission.labels);
  connection.send(encode("agent.welcome", { dataJson: JSON.stringify(greeting) }));
  return new Response(null, { status: 101, webSocket: client });
}
