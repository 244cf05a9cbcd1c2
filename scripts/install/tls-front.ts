import { connect, type Socket } from "node:net";
import { createServer, type Server } from "node:tls";
import type { Certificate } from "../e2e/certificates.ts";
import { listen } from "../e2e/listen.ts";

const HOST = "127.0.0.1";

/**
 * Ends TLS before a manager, as a reverse proxy does, and says so in `X-Forwarded-Proto`. Each connection carries one
 * request, or one WebSocket.
 */
export class TlsFront {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async open(managerUrl: string, certificate: Certificate): Promise<TlsFront> {
    const server = createServer(certificate);
    return new TlsFront(server, await listen(server, HOST), new URL(managerUrl));
  }

  private constructor(server: Server, port: number, manager: URL) {
    this.url = `https://${HOST}:${port}`;
    this.#server = server;
    server.on("secureConnection", (client) => {
      client.once("data", (begin: Buffer) => {
        const upstream = connect(Number(manager.port), manager.hostname);
        // A header of the request has no characters beyond Latin 1.
        upstream.write(begin.toString("latin1").replace("\r\n", "\r\nX-Forwarded-Proto: https\r\n"), "latin1");
        client.pipe(upstream).pipe(client);
        for (const [socket, other] of [
          [client, upstream],
          [upstream, client],
        ] as const) {
          this.#sockets.add(socket);
          socket.on("error", () => {});
          socket.once("close", () => {
            this.#sockets.delete(socket);
            other.destroy();
          });
        }
      });
      client.on("error", () => {});
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
