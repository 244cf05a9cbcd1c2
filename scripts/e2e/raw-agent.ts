import { randomUUID } from "node:crypto";
import { type IncomingMessage, request } from "node:http";
import { json } from "node:stream/consumers";
import { z } from "zod";

const Message = z.object({
  subject: z.string(),
  data: z.record(z.string(), z.unknown()).optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type Message = z.infer<typeof Message>;

const Welcome = z.object({ connection: z.string(), maxFrameBytes: z.number() });

/** The data that a host sends about itself, and its address as the edge sees it. */
export interface Host {
  hostname?: string;
  os?: string;
  arch?: string;
  address?: string;
}

/** An agent for tests that can send any frame, valid or not; docs/PROTOCOL.md. */
export class RawAgent {
  readonly #socket: WebSocket;
  readonly #inbox: Message[] = [];
  #wake = Promise.withResolvers<void>();

  /** Connects with an enrolment token and registers, as the host described. */
  static async enrol(url: string, token: string, host: Host = {}): Promise<RawAgent> {
    const { address, ...description } = host;
    const agent = new RawAgent(url, token, address);
    const { connection } = Welcome.parse((await agent.receive("agent.welcome")).data);
    const reply = `inbox.${connection}.1`;
    agent.send({
      subject: "agent.register",
      reply,
      data: { protocol: 1, version: "1.0.0", os: "linux", arch: "amd64", hostname: "raw", ...description },
    });
    await agent.receive(reply);
    return agent;
  }

  private constructor(url: string, token: string, address?: string) {
    const headers = {
      ...{ authorization: `Bearer ${token}`, "zedops-install-id": randomUUID() },
      ...(address !== undefined && { "cf-connecting-ip": address }),
    };
    this.#socket = new WebSocket(`${url.replace(/^http/, "ws")}/ws`, { headers });
    this.#socket.addEventListener("message", ({ data }) => {
      this.#inbox.push(Message.parse(JSON.parse(data)));
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
  }

  send(message: object): void {
    this.sendFrame(JSON.stringify(message));
  }

  sendFrame(frame: string): void {
    this.#socket.send(frame);
  }

  /** The next message with that subject; those before it are dropped. */
  async receive(subject: string): Promise<Message> {
    for (;;) {
      const message = this.#inbox.shift();
      if (message?.subject === subject) return message;
      if (message === undefined) await this.#wake.promise;
    }
  }

  /** Closes the connection as an agent does when it is stopped. */
  close(): void {
    this.#socket.close(1000, "stopped");
  }
}

export interface Refusal {
  status: number | undefined;
  retryAfter: string | undefined;
  body: unknown;
}

/** Asks for an upgrade to WebSocket that the manager should refuse, and returns the refusal. */
export async function refusedUpgrade(url: string, headers: Record<string, string>): Promise<Refusal> {
  const upgrade = request(`${url}/ws`, {
    headers: {
      ...{ connection: "Upgrade", upgrade: "websocket" },
      ...{ "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" },
      ...headers,
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  upgrade.once("response", resolve);
  upgrade.once("upgrade", () => reject(new Error("the upgrade was granted")));
  upgrade.once("error", reject);
  upgrade.end();
  const response = await promise;
  const { statusCode: status, headers: answered } = response;
  return { status, retryAfter: answered["retry-after"], body: await json(response) };
}
