import { connect, type Socket } from "node:net";
import { createServer, type Server } from "node:tls";
import { listen } from "../e2e/listen.ts";
import type { Certificate } from "./certificates.ts";
import { splice } from "./splice.ts";

const HOST = "127.0.0.1";

/** Ends TLS before a manager, as a reverse proxy does, with a certificate that can be replaced. */
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
    server.on("secureConnection", (agent) => {
      splice(agent, connect(Number(manager.port), manager.hostname), this.#sockets);
    });
  }

  /** Shows another certificate from now on, and ends the connections that were made with the one before. */
  show(certificate: Certificate): void {
    this.#server.setSecureContext(certificate);
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
