import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A byte a connection this often: none of them ever falls silent. */
const BYTE_MS = 100;

/** Connections whose request for an upgrade never comes to its end. */
export class SlowLoris {
  readonly #sockets: readonly Socket[];
  readonly #timer: NodeJS.Timeout;

  static async open(managerUrl: string, connections: number): Promise<SlowLoris> {
    const { hostname, port } = new URL(managerUrl);
    const sockets = Array.from({ length: connections }, () => connect(Number(port), hostname));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    return new SlowLoris(sockets);
  }

  private constructor(sockets: readonly Socket[]) {
    this.#sockets = sockets;
    for (const socket of sockets) socket.on("error", () => {});
    const head = "GET /ws HTTP/1.1\r\nHost: manager\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Padding: ";
    let sent = 0;
    this.#timer = setInterval(() => {
      const byte = head[sent++] ?? "x";
      for (const socket of sockets) if (socket.writable) socket.write(byte);
    }, BYTE_MS);
  }

  /** How many the manager has not thrown out. */
  get open(): number {
    return this.#sockets.filter((socket) => socket.writable).length;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
  }
}
