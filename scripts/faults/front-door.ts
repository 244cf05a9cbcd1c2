import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "../e2e/free-port.ts";
import { splice } from "./splice.ts";

/**
 * Stands on the loopback interface in front of a manager, and lets agents through while it is open. `wrangler dev` takes
 * connections for two seconds before its Worker can answer them, and then answers all at once; behind a door that is
 * opened when the manager answers, agents see a manager that is either there or not.
 */
export class FrontDoor {
  /** What the agents take for their manager. */
  readonly url: string;
  readonly #port: number;
  readonly #manager: URL;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  /** One that is shut as yet. */
  static async to(managerUrl: string): Promise<FrontDoor> {
    return new FrontDoor(new URL(managerUrl), await freePort());
  }

  private constructor(manager: URL, port: number) {
    this.#manager = manager;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  async open(): Promise<void> {
    this.#server = createServer((agent) => {
      splice(agent, connect(Number(this.#manager.port), this.#manager.hostname), this.#sockets);
    }).listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** From now on connections are refused; those that are there stay until one of their ends is gone. */
  shut(): void {
    this.#server?.close();
  }

  /** Ends the connections too. */
  async close(): Promise<void> {
    this.shut();
    for (const socket of this.#sockets) socket.destroy();
  }
}
