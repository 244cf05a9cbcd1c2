import { connect, createServer, type Server, type Socket } from "node:net";
import { z } from "zod";
import { FrameSplitter, type Unit } from "./frame-splitter.ts";
import { listen } from "./listen.ts";

/**
 * The steps when an agent connects, in order: docs/PROTOCOL.md "Handshake". The agent sends `request` and `register`.
 */
export const handshake = ["request", "answer", "welcome", "register", "registered"] as const;

/** A step that can be held; `offer` is the manager's agent.rotate. */
export type Step = (typeof handshake)[number] | "offer";

const Frame = z.object({ subject: z.string() });
const Registered = z.object({ data: z.object({ agentId: z.string(), name: z.string() }) });

/** A step that waits between agent and manager until the test has decided. */
export class Held {
  readonly #unit: Unit;
  readonly #to: Socket;
  readonly #decision = Promise.withResolvers<void>();

  constructor(unit: Unit, to: Socket) {
    this.#unit = unit;
    this.#to = to;
  }

  /** Settles once the test has decided. */
  get decided(): Promise<void> {
    return this.#decision.promise;
  }

  /** The id that the manager has given the agent; only of the step `registered`. */
  get agentId(): string | undefined {
    return registration(this.#unit)?.agentId;
  }

  /** Forwards it. Resolves when the system has taken the bytes. */
  async pass(): Promise<void> {
    await hand(this.#to, this.#unit.bytes);
    this.#decision.resolve();
  }

  /** Breaks the connection instead, at both ends. */
  cut(): void {
    this.#to.destroy();
    this.#decision.resolve();
  }
}

/** A proxy on the loopback interface between an agent and its manager that can hold any step between them. */
export class HandshakeProxy {
  /** The URL that the agent connects to. */
  readonly url: string;
  readonly #server: Server;
  readonly #manager: URL;
  readonly #sockets = new Set<Socket>();
  #wanted: { step: Step; catch: (held: Held) => void } | undefined;

  static async open(managerUrl: string): Promise<HandshakeProxy> {
    const server = createServer();
    return new HandshakeProxy(server, await listen(server, "127.0.0.1"), new URL(managerUrl));
  }

  private constructor(server: Server, port: number, manager: URL) {
    this.url = `http://127.0.0.1:${port}`;
    this.#server = server.on("connection", (agent) => this.#join(agent));
    this.#manager = manager;
  }

  /** Resolves when that step next arrives, which then waits. All others pass. */
  hold(step: Step): Promise<Held> {
    const { promise, resolve } = Promise.withResolvers<Held>();
    this.#wanted = { step, catch: resolve };
    return promise;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(agent: Socket): void {
    const manager = connect(Number(this.#manager.port), this.#manager.hostname);
    for (const socket of [agent, manager]) {
      this.#sockets.add(socket);
      // A close follows every error. If one end closes, so does the other.
      socket.on("error", () => {});
      socket.once("close", () => {
        this.#sockets.delete(socket);
        agent.destroy();
        manager.destroy();
      });
    }
    this.#carry(agent, manager, agentStep);
    this.#carry(manager, agent, managerStep);
  }

  /** Forwards one direction, in order, and waits if a step is held. */
  #carry(from: Socket, to: Socket, stepOf: (unit: Unit) => Step | undefined): void {
    const splitter = new FrameSplitter();
    let before = Promise.resolve();
    from.on("data", (chunk: Buffer) => {
      for (const unit of splitter.push(chunk)) before = before.then(() => this.#forward(unit, to, stepOf(unit)));
    });
    from.once("end", () => void before.then(() => to.end()));
  }

  async #forward(unit: Unit, to: Socket, step: Step | undefined): Promise<void> {
    if (step === undefined || step !== this.#wanted?.step) return await hand(to, unit.bytes);
    const held = new Held(unit, to);
    this.#wanted.catch(held);
    this.#wanted = undefined;
    await held.decided;
  }
}

/** Resolves when the system has taken the bytes. Also resolves if the socket is closed, which ends everything. */
async function hand(to: Socket, bytes: Buffer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  to.write(bytes, () => resolve());
  await promise;
}

function agentStep(unit: Unit): Step | undefined {
  if (unit.kind === "head") return "request";
  return subject(unit) === "agent.register" ? "register" : undefined;
}

function managerStep(unit: Unit): Step | undefined {
  if (unit.kind === "head") return "answer";
  if (subject(unit) === "agent.welcome") return "welcome";
  if (subject(unit) === "agent.rotate") return "offer";
  return registration(unit) && "registered";
}

function subject(unit: Unit): string | undefined {
  return Frame.safeParse(content(unit)).data?.subject;
}

function registration(unit: Unit): z.infer<typeof Registered>["data"] | undefined {
  return Registered.safeParse(content(unit)).data?.data;
}

/** The JSON of a frame; undefined for anything else. */
function content({ kind, text }: Unit): unknown {
  if (kind !== "frame") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
