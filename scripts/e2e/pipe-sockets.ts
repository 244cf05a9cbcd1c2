import type { Socket } from "node:net";

/** Forwards both directions between two sockets until one of them ends. Each is in `sockets` while it is open. */
export function pipeSockets(one: Socket, other: Socket, sockets: Set<Socket>): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    sockets.add(from);
    from.setNoDelay(true);
    // A reset is forwarded as an end: in both cases the other side is gone.
    from.on("error", () => {});
    from.once("close", () => {
      sockets.delete(from);
      to.destroy();
    });
    from.pipe(to);
  }
}
