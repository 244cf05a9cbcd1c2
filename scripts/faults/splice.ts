import type { Socket } from "node:net";

/** Carries both directions between two sockets, as they are, until one of them ends; each is in `sockets` while it lives. */
export function splice(one: Socket, other: Socket, sockets: Set<Socket>): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    sockets.add(from);
    from.setNoDelay(true);
    // A reset is passed on as an end: either way the other side is gone.
    from.on("error", () => {});
    from.once("close", () => {
      sockets.delete(from);
      to.destroy();
    });
    from.pipe(to);
  }
}
