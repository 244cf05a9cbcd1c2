import { once } from "node:events";
import { connect, type Socket } from "node:net";

const HEAD = "GET /ws HTTP/1.1\r\nHost: manager\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Padding: ";

/** The interval between bytes on each connection: none of them is ever silent. */
const BYTE_MS = 100;

/** Keeps a number of connections open whose request for an upgrade never ends. */
export class SlowLoris {
  readonly #manager: URL;
  /** How many bytes each has sent. */
  readonly #sent = new Map<Socket, number>();
  readonly #timer: NodeJS.Timeout;

  static async open(managerUrl: string, connections: number): Promise<SlowLoris> {
    const loris = new SlowLoris(new URL(managerUrl));
    await Promise.all(Array.from({ length: connections }, () => once(loris.#begin(), "connect")));
    return loris;
  }

  private constructor(manager: URL) {
    this.#manager = manager;
    this.#timer = setInterval(() => this.#tick(), BYTE_MS);
  }

  /** How many connections there are. */
  get size(): number {
    return this.#sent.size;
  }

  close(): void {
    clearInterval(this.#timer);
    const sockets = [...this.#sent.keys()];
    this.#sent.clear();
    for (const socket of sockets) socket.destroy();
  }

  #begin(): Socket {
    const socket = connect(Number(this.#manager.port), this.#manager.hostname);
    this.#sent.set(socket, 0);
    // A close follows every error. If the manager closes a connection, it is opened again.
    socket.on("error", () => {});
    socket.once("close", () => {
      if (this.#sent.delete(socket)) this.#begin();
    });
    return socket;
  }

  #tick(): void {
    for (const [socket, sent] of this.#sent) {
      if (!socket.writable) continue;
      socket.write(HEAD[sent] ?? "x");
      this.#sent.set(socket, sent + 1);
    }
  }
}
