import { randomUUID } from "node:crypto";
import { z } from "zod";

/** What a crowd does. */
export interface Crowd {
  sockets: number;
  /** Messages a second of each socket; 0: as fast as it can. */
  perSecond: number;
  /** Whether its sockets register. */
  registered: boolean;
}

const Frame = z.object({ subject: z.string(), data: z.unknown().optional() });
const Welcome = z.object({ connection: z.string() });

/** One socket of an agent, as small as a client can be: many of them run in one process. */
export class Member {
  readonly socket: WebSocket;
  readonly #waiting = new Map<string, () => void>();
  #connection = "";
  #requests = 0;

  /** Opens a socket; rejects if the manager refuses it. */
  static async open(url: string, token: string): Promise<Member> {
    const member = new Member(url, token);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    member.#waiting.set("agent.welcome", resolve);
    member.socket.addEventListener("error", () => reject(new Error("refused")));
    member.socket.addEventListener("close", () => reject(new Error("closed")));
    await promise;
    return member;
  }

  private constructor(url: string, token: string) {
    const headers = { authorization: `Bearer ${token}`, "zedops-install-id": randomUUID() };
    this.socket = new WebSocket(`${url.replace(/^http/, "ws")}/ws`, { headers });
    this.socket.addEventListener("message", ({ data }) => {
      const { subject, data: payload } = Frame.parse(JSON.parse(String(data)));
      if (subject === "agent.welcome") this.#connection = Welcome.parse(payload).connection;
      this.#waiting.get(subject)?.();
      this.#waiting.delete(subject);
    });
  }

  /** Registers as an agent. */
  async register(): Promise<void> {
    const data = { protocol: 1, version: "1.0.0", os: "linux", arch: "amd64", hostname: "crowd" };
    await this.#request("agent.register", data);
  }

  /** Has the manager echo a message. Returns the milliseconds that it took. */
  async echo(): Promise<number> {
    const start = performance.now();
    await this.#request("test.echo", 1);
    return performance.now() - start;
  }

  close(): void {
    this.socket.close(1000);
  }

  async #request(subject: string, data: unknown): Promise<void> {
    const reply = `inbox.${this.#connection}.${++this.#requests}`;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(reply, resolve);
    this.socket.send(JSON.stringify({ subject, reply, data }));
    await promise;
  }
}
