/** A crowd in a process of its own, so that it does not hold up the one that measures. Its orders are in CROWD. */
import { z } from "zod";
import { Member } from "./crowd-member.ts";

const Orders = z.object({
  url: z.string(),
  token: z.string(),
  sockets: z.number(),
  perSecond: z.number(),
  registered: z.boolean(),
});

/** The most that may wait in a socket before it sends more. */
const BUFFERED_BYTES = 65_536;
const FRAME = '{"subject":"test.echo","data":{"text":"what a crowd has to say"}}';

const { url, token, sockets, perSecond, registered } = Orders.parse(JSON.parse(process.env.CROWD ?? "{}"));
const members: Member[] = [];
for (let n = 0; n < sockets; n++) {
  const member = await Member.open(url, token).catch(() => null);
  if (member === null) continue;
  if (registered) await member.register();
  members.push(member);
}
process.send?.(members.length);
for (const { socket } of members) {
  if (perSecond > 0) setInterval(() => send(socket), 1000 / perSecond);
  else flood(socket);
}
// It ends when it is ended.
setInterval(() => {}, 60_000);

function send(socket: WebSocket): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(FRAME);
}

function flood(socket: WebSocket): void {
  if (socket.readyState !== WebSocket.OPEN) return;
  while (socket.bufferedAmount < BUFFERED_BYTES) socket.send(FRAME);
  setImmediate(() => flood(socket));
}
