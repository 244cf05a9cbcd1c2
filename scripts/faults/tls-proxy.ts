import { connect, type Socket } from "node:net";
import { createServer, type Server } from "node:tls";
import type { Certificate } from "../e2e/certificates.ts";
import { listen } from "../e2e/listen.ts";
import { pipeSockets } from "./pipe-sockets.ts";

const HOST = "127.0.0.1";

/** Ends TLS before a manager, as a reverse proxy does, with a certificate that can be replaced. */
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
    server.on("secureConnection", (agent) => {
      pipeSockets(agent, connect(Number(manager.port), manager.hostname), this.#sockets);
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
