import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { ownPort } from "../e2e/own-port.ts";
import { pipeSockets } from "../e2e/pipe-sockets.ts";

/**
 * A proxy in front of a manager that either accepts or refuses connections. `wrangler dev` accepts connections for two
 * seconds before its Worker can answer them, and then answers all at once. With a proxy that accepts connections only
 * when the manager answers, agents see a manager that is either there or not.
 */
export class SwitchableProxy {
  /** The URL that the agents connect to. */
  readonly url: string;
  readonly #port: number;
  readonly #manager: URL;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  /** It refuses connections until `accept`. */
  static async for(managerUrl: string): Promise<SwitchableProxy> {
    return new SwitchableProxy(new URL(managerUrl), await ownPort());
  }

  private constructor(manager: URL, port: number) {
    this.#manager = manager;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  async accept(): Promise<void> {
    this.#server = createServer((agent) => {
      pipeSockets(agent, connect(Number(this.#manager.port), this.#manager.hostname), this.#sockets);
    }).listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** Refuses new connections from now on. Existing connections stay. */
  refuse(): void {
    this.#server?.close();
  }

  /** Refuses new connections and ends the existing ones. */
  async close(): Promise<void> {
    this.refuse();
    for (const socket of this.#sockets) socket.destroy();
  }
}
