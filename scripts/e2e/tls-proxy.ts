import { connect, type Socket } from "node:net";
import { createServer, type Server } from "node:tls";
import type { Certificate } from "./certificates.ts";
import { listen } from "./listen.ts";
import { pipeSockets } from "./pipe-sockets.ts";

const HOST = "127.0.0.1";

/**
 * Ends TLS before a manager, as a reverse proxy does, and says so in `X-Forwarded-Proto`. Its certificate can be replaced. Each
 * connection carries one request, or one WebSocket.
 */
export class TlsProxy {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async open(managerUrl: string, certificate: Certificate): Promise<TlsProxy> {
    const server = createServer(certificate);
    return new TlsProxy(server, await listen(server, HOST), new URL(managerUrl));
  }

  private constructor(server: Server, port: number, manager: URL) {
    this.url = `https://${HOST}:${port}`;
    this.#server = server;
    server.on("secureConnection", (client) => {
      this.#sockets.add(client);
      client.on("error", () => {});
      client.once("close", () => this.#sockets.delete(client));
      client.once("data", (begin: Buffer) => {
        const upstream = connect(Number(manager.port), manager.hostname);
        // A header of the request has no characters beyond Latin 1.
        upstream.write(begin.toString("latin1").replace("\r\n", "\r\nX-Forwarded-Proto: https\r\n"), "latin1");
        pipeSockets(client, upstream, this.#sockets);
      });
    });
  }

  /** Uses another certificate from now on, and ends the connections that were made with the old one. */
  show(certificate: Certificate): void {
    this.#server.setSecureContext(certificate);
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
