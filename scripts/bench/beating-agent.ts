import { z } from "zod";

/** The bare heartbeat and its answer, which comes from the runtime: docs/PROTOCOL.md "agent.heartbeat". */
const BEAT = '{"subject":"agent.heartbeat"}';
const ANSWER = '{"subject":"agent.heartbeat.ack"}';

const Frame = z.object({ subject: z.string(), data: z.unknown().optional() });
const Welcome = z.object({ connection: z.string(), heartbeatIntervalMs: z.number(), heartbeatDelayMs: z.number() });
const Alignment = z.object({ delayMs: z.number() });
const Failure = z.object({ error: z.object({ code: z.string() }) });

/** A small agent: a socket that sends heartbeats on the schedule of its welcome. Many of them run in one process. */
export class BeatingAgent {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, () => void>();
  readonly #welcomed = Promise.withResolvers<void>();
  #connection = "";
  #intervalMs = 0;
  /** When the next beat is due, by this process's monotonic clock. */
  #dueAt = 0;
  #beatTimer: NodeJS.Timeout | undefined;
  #requests = 0;
  /** The error code of the latest error frame; undefined if there was none. */
  #failure: string | undefined;
  /** Whether the next beat has data. */
  reportsNext = false;
  /** Whether the other end has closed it. */
  isLost = false;

  /** Opens a socket; rejects if it is refused. */
  static async open(url: string, headers: Record<string, string>): Promise<BeatingAgent> {
    const agent = new BeatingAgent(url, headers);
    await agent.#welcomed.promise;
    return agent;
  }

  private constructor(url: string, headers: Record<string, string>) {
    this.#socket = new WebSocket(url.replace(/^http/, "ws"), { headers });
    this.#socket.addEventListener("message", ({ data }) => this.#receive(String(data)));
    this.#socket.addEventListener("error", ({ error }) => this.#welcomed.reject(error));
    this.#socket.addEventListener("close", () => {
      this.isLost = true;
      clearTimeout(this.#beatTimer);
    });
  }

  /** Registers as an agent that keeps the schedule, and sends its first beat. */
  async register(): Promise<void> {
    const host = { protocol: 1, version: "1.0.0", os: "linux", arch: "amd64", hostname: "sleep" };
    await this.#request("agent.register", { ...host, alignsHeartbeat: true });
    this.#socket.send(BEAT);
  }

  /** Sends a `test.echo` to the hub. Returns the time until the reply, in milliseconds. */
  async echo(): Promise<number> {
    const start = performance.now();
    await this.#request("test.echo", 1);
    return performance.now() - start;
  }

  /** Sends a frame to the bare object, which sends every frame back. Returns the time until then, in milliseconds. */
  async bounce(): Promise<number> {
    const start = performance.now();
    await this.#send("bounce", { subject: "bounce", data: 1 });
    return performance.now() - start;
  }

  close(): void {
    clearTimeout(this.#beatTimer);
    this.#socket.close(1000);
  }

  async #request(subject: string, data: unknown): Promise<void> {
    const reply = `inbox.${this.#connection}.${++this.#requests}`;
    await this.#send(reply, { subject, reply, data });
  }

  async #send(answer: string, frame: object): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(answer, resolve);
    this.#socket.send(JSON.stringify(frame));
    await promise;
    if (this.#failure !== undefined) throw new Error(`a request failed: ${this.#failure}`);
  }

  #receive(text: string): void {
    if (text === ANSWER) return;
    const frame: unknown = JSON.parse(text);
    const { subject, data } = Frame.parse(frame);
    const failure = Failure.safeParse(frame);
    if (failure.success) this.#failure = failure.data.error.code;
    if (subject === "agent.welcome") this.#begin(Welcome.parse(data));
    if (subject === "agent.heartbeat.align") this.#realign(Alignment.parse(data).delayMs);
    this.#waiting.get(subject)?.();
    this.#waiting.delete(subject);
  }

  #begin({ connection, heartbeatIntervalMs, heartbeatDelayMs }: z.infer<typeof Welcome>): void {
    this.#connection = connection;
    this.#intervalMs = heartbeatIntervalMs;
    this.#beatIn(heartbeatDelayMs);
    this.#welcomed.resolve();
  }

  #realign(delayMs: number): void {
    this.#socket.send(BEAT);
    this.#beatIn(delayMs);
  }

  #beatIn(delayMs: number): void {
    this.#dueAt = performance.now() + delayMs;
    this.#wait();
  }

  #wait(): void {
    clearTimeout(this.#beatTimer);
    this.#beatTimer = setTimeout(() => {
      this.#socket.send(this.reportsNext ? '{"subject":"agent.heartbeat","data":{"rttMs":23}}' : BEAT);
      this.reportsNext = false;
      // A late beat does not delay the beats after it.
      this.#dueAt += this.#intervalMs;
      this.#wait();
    }, this.#dueAt - performance.now());
  }
}
