import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { FrameSplitter, type Unit } from "../e2e/frame-splitter.ts";
import { listen } from "../e2e/listen.ts";
import { PathBlock } from "./path-block.ts";

export type Direction = "toManager" | "toAgent";

/** What happens to a connection after half a frame has been forwarded. */
export type Breakage = "reset" | "silence";

/** One direction of one connection. */
interface Lane {
  direction: Direction;
  to: Socket;
  /** Whether it forwards nothing any more, for good. */
  silent: boolean;
}

interface WantedBreakage {
  direction: Direction;
  breakage: Breakage;
  /** The minimal length of the frame; bytes. */
  atLeast: number;
  happened: () => void;
}

/** The time between bytes of a trickling answer: a hundred of them take longer than any time limit. */
const TRICKLE_MS = 200;

/**
 * A proxy between an agent and its manager that behaves like a bad network. A fault holds for existing and new
 * connections until `heal`.
 */
export class FaultProxy {
  /** The URL that the agent connects to. */
  readonly url: string;
  readonly #manager: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #blocks: Record<Direction, PathBlock> = { toManager: new PathBlock(), toAgent: new PathBlock() };
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

  /** Loses everything in these directions silently. As with TCP, it is sent again and arrives after `heal`. */
  lose(...directions: Direction[]): void {
    for (const direction of directions) this.#blocks[direction].block();
  }

  /** Delays everything by that much, each way. */
  delay(latencyMs: number): void {
    this.#latencyMs = latencyMs;
  }

  /** Forwards the answer to an upgrade byte by byte. */
  trickle(): void {
    this.#trickling = true;
  }

  /** Removes the header that asks for a WebSocket. */
  stripUpgrade(): void {
    this.#stripping = true;
    this.cut();
  }

  /** Answers every connection with this, as a captive portal does, instead of the manager's answer. */
  answer(response: string): void {
    this.#answer = response;
    this.cut();
  }

  /**
   * Forwards half of the next frame of at least that many bytes in that direction, and then breaks its connection.
   * Resolves when that has happened.
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
    for (const block of Object.values(this.#blocks)) block.unblock();
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
    // If data to the manager is lost, new connections do not reach it either.
    await this.#blocks.toManager.unblocked();
    const manager = connect(Number(this.#manager.port), this.#manager.hostname);
    this.#keep(manager);
    this.#carry(agent, { direction: "toManager", to: manager, silent: false });
    this.#carry(manager, { direction: "toAgent", to: agent, silent: false });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    // A close follows every error.
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }

  /** Forwards one direction of a connection in order; the end of the connection too. */
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

  /** Resolves when data that is due at that time arrives. */
  async #pass(lane: Lane, due: number): Promise<void> {
    const left = due - performance.now();
    if (left > 0) await pause(left);
    await this.#blocks[lane.direction].unblocked();
  }

  #break(bytes: Buffer, lane: Lane, { breakage, happened }: WantedBreakage): void {
    this.#wanted = undefined;
    lane.silent = true;
    lane.to.write(bytes.subarray(0, bytes.length / 2), () => {
      // The proxy has one agent and one connection, so the other end is the only other socket.
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
