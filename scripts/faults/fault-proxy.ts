import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { FrameSplitter, type Unit } from "../e2e/frame-splitter.ts";
import { listen } from "../e2e/listen.ts";
import { Gate } from "./gate.ts";

export type Direction = "toManager" | "toAgent";

/** What becomes of a connection when half a frame has been handed over. */
export type Breakage = "reset" | "silence";

/** One direction of one connection. */
interface Lane {
  direction: Direction;
  to: Socket;
  /** Hands nothing over any more, for good. */
  silent: boolean;
}

interface WantedBreakage {
  direction: Direction;
  breakage: Breakage;
  /** How long the frame has to be; bytes. */
  atLeast: number;
  happened: () => void;
}

/** Bytes of a trickling answer are this far apart: a hundred of them take longer than anybody waits. */
const TRICKLE_MS = 200;

/**
 * Stands between an agent and its manager as a bad network does. A fault holds for the connections there are and for new
 * ones, until `heal`.
 */
export class FaultProxy {
  /** What the agent takes for its manager. */
  readonly url: string;
  readonly #manager: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #gates: Record<Direction, Gate> = { toManager: new Gate(), toAgent: new Gate() };
  #latencyMs = 0;
  #trickling = false;
  #stripping = false;
  #answer: string | undefined;
  #wanted: WantedBreakage | undefined;

  /** Listens on an address of this machine, on a port of its own. */
  static async open(managerUrl: string, host = "127.0.0.1"): Promise<FaultProxy> {
    const server = createServer();
    return new FaultProxy(server, `http://${host}:${await listen(server, host)}`, new URL(managerUrl));
  }

  private constructor(server: Server, url: string, manager: URL) {
    this.url = url;
    this.#manager = manager;
    this.#server = server.on("connection", (agent) => void this.#join(agent));
  }

  /** What is sent that way gets lost, and nobody is told. What TCP would send again arrives when the path heals. */
  lose(...directions: Direction[]): void {
    for (const direction of directions) this.#gates[direction].shut();
  }

  /** Everything takes that much longer, each way. */
  delay(latencyMs: number): void {
    this.#latencyMs = latencyMs;
  }

  /** The answer to an upgrade comes byte by byte. */
  trickle(): void {
    this.#trickling = true;
  }

  /** Takes the header away that asks for a WebSocket. */
  stripUpgrade(): void {
    this.#stripping = true;
    this.cut();
  }

  /** Gives this to whoever connects, as a captive portal does, instead of the manager's answer. */
  answer(response: string): void {
    this.#answer = response;
    this.cut();
  }

  /**
   * Hands over half of the next frame of so many bytes that goes that way, and then breaks its connection. Resolves when
   * that has happened.
   */
  async breakFrame(direction: Direction, breakage: Breakage, { atLeast = 0 } = {}): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wanted = { direction, breakage, atLeast, happened: resolve };
    await promise;
  }

  /** Ends every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  heal(): void {
    this.#latencyMs = 0;
    this.#trickling = false;
    this.#stripping = false;
    this.#answer = undefined;
    for (const gate of Object.values(this.#gates)) gate.open();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.heal();
  }

  async #join(agent: Socket): Promise<void> {
    this.#keep(agent);
    const response = this.#answer;
    if (response !== undefined) {
      agent.once("data", () => agent.end(response));
      return;
    }
    // Whoever is lost on the way to the manager does not reach it to connect either.
    await this.#gates.toManager.passage();
    const manager = connect(Number(this.#manager.port), this.#manager.hostname);
    this.#keep(manager);
    this.#carry(agent, { direction: "toManager", to: manager, silent: false });
    this.#carry(manager, { direction: "toAgent", to: agent, silent: false });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    // An error is followed by the close.
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }

  /** Carries one direction of a connection, in order; its end takes the same way. */
  #carry(from: Socket, lane: Lane): void {
    const splitter = new FrameSplitter();
    let before = Promise.resolve();
    from.on("data", (chunk: Buffer) => {
      const due = performance.now() + this.#latencyMs;
      for (const unit of splitter.push(chunk)) before = before.then(() => this.#forward(unit, lane, due));
    });
    from.once("close", () => {
      void before.then(() => this.#pass(lane, performance.now() + this.#latencyMs)).then(() => lane.to.destroySoon());
    });
  }

  async #forward(unit: Unit, lane: Lane, due: number): Promise<void> {
    await this.#pass(lane, due);
    if (lane.silent) return;
    const { kind, bytes } = unit;
    const wanted = this.#wanted;
    if (kind === "frame" && wanted?.direction === lane.direction && bytes.length >= wanted.atLeast)
      this.#break(bytes, lane, wanted);
    else if (kind === "head" && lane.direction === "toAgent") await this.#handAnswer(bytes, lane.to);
    else if (kind === "head" && this.#stripping) lane.to.write(withoutUpgrade(unit.text));
    else lane.to.write(bytes);
  }

  /** Resolves when what was to arrive at that time does. */
  async #pass(lane: Lane, due: number): Promise<void> {
    const left = due - performance.now();
    if (left > 0) await pause(left);
    await this.#gates[lane.direction].passage();
  }

  #break(bytes: Buffer, lane: Lane, { breakage, happened }: WantedBreakage): void {
    this.#wanted = undefined;
    lane.silent = true;
    lane.to.write(bytes.subarray(0, bytes.length / 2), () => {
      // One connection has one agent here: the other end of this one is the only other socket.
      if (breakage === "reset") this.cut();
      happened();
    });
  }

  async #handAnswer(bytes: Buffer, to: Socket): Promise<void> {
    let handed = 0;
    for (; this.#trickling && handed < bytes.length; handed++) {
      to.write(bytes.subarray(handed, handed + 1));
      await pause(TRICKLE_MS);
    }
    to.write(bytes.subarray(handed));
  }
}

function withoutUpgrade(head: string): string {
  const lines = head.split("\r\n").filter((line) => !/^(upgrade|connection):/i.test(line));
  return [lines[0], "Connection: close", ...lines.slice(1)].join("\r\n");
}
