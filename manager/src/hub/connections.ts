/**
 * The connections of one hub, by id, by socket and by agent. A hub that wakes from hibernation has thousands of sockets,
 * and an event concerns one of them. So a connection is read from its socket when somebody asks for it.
 */
import type { Admission } from "../registry/admission.ts";
import { AGENT_TAG, agentTag, ClosedConnection, Connection, enrolmentTag, type Sockets } from "./connection.ts";
import type { Terms } from "./connection-state.ts";
import { MultiMap } from "./multimap.ts";
import { TokenSlots } from "./token-slots.ts";
import { VIEWER_TAG } from "./viewer-socket.ts";

export interface ConnectionsParts {
  readonly sockets: Sockets;
  /** Used for a connection whose own terms were not stored. */
  readonly terms: Terms;
  /** Called for each connection that was read from its socket. */
  readonly onRead: (connection: Connection) => void;
  /** Called for each socket whose state cannot be read. */
  readonly onUnreadable: (socket: WebSocket, connectionId: string) => void;
}

export class Connections {
  readonly #parts: ConnectionsParts;
  readonly #byId = new Map<string, Connection>();
  readonly #byAgent = new MultiMap<Connection>();
  readonly #bySocket = new WeakMap<WebSocket, Connection>();
  readonly #slots = new TokenSlots();
  readonly #httpLeases = new Set<Connection>();
  /** Whether an earlier release may have accepted some of the sockets: it gave them no tags. */
  hasUntagged = true;
  /** Whether every connection of this hub is in memory. */
  #isComplete = false;
  /** The tags whose connections are all in memory. */
  readonly #read = new Set<string>();

  constructor(parts: ConnectionsParts) {
    this.#parts = parts;
  }

  /** How many registered connections are in memory. */
  get registeredCount(): number {
    return this.#byId.size - this.#slots.unregisteredCount;
  }

  get isEmpty(): boolean {
    return this.#byId.size === 0;
  }

  get(id: string): Connection | undefined {
    const known = this.#byId.get(id);
    if (known !== undefined || this.#isComplete) return known;
    const [socket] = this.#parts.sockets.getWebSockets(id);
    return socket && this.#wake(socket, id);
  }

  /** The connection of a socket if it is in memory. To ask the runtime for the socket's tags takes longer. */
  known(socket: WebSocket): Connection | undefined {
    return this.#bySocket.get(socket);
  }

  /** The connection of a socket; undefined if it has ended. */
  bySocket(socket: WebSocket): Connection | undefined {
    const id = Connection.idOf(this.#parts.sockets, socket);
    const known = this.#byId.get(id);
    return known !== undefined || this.#isComplete ? known : this.#wake(socket, id);
  }

  /**
   * Every connection of an agent, registered or not. It is a copy, so a loop over it may add and remove connections.
   */
  ofAgent(agentId: string): Connection[] {
    this.#readTagged(agentTag(agentId));
    return this.#byAgent.of(agentId);
  }

  #readTagged(tag: string): void {
    if (this.#isComplete || this.#read.has(tag)) return;
    for (const socket of this.#parts.sockets.getWebSockets(tag)) this.bySocket(socket);
    this.#read.add(tag);
  }

  /** Every connection. It is a copy too. */
  all(): Connection[] {
    this.readAll();
    return [...this.#byId.values()];
  }

  /** Reads every connection from its socket. That takes some 10 µs for each. */
  readAll(): void {
    if (this.#isComplete) return;
    for (const socket of this.agentSockets()) this.bySocket(socket);
    this.#isComplete = true;
  }

  /** The sockets of agents. */
  agentSockets(): WebSocket[] {
    const { sockets } = this.#parts;
    if (!this.hasUntagged) return sockets.getWebSockets(AGENT_TAG);
    return sockets.getWebSockets().filter((socket) => Connection.idOf(sockets, socket) !== VIEWER_TAG);
  }

  get httpLeases(): ReadonlySet<Connection> {
    return this.#httpLeases;
  }

  /** The connections that have not registered yet. It is a copy. */
  unregistered(): Connection[] {
    return this.#slots.unregistered();
  }

  get unregisteredCount(): number {
    return this.#slots.unregisteredCount;
  }

  /** Whether one more unregistered connection may be opened with this token. */
  hasRoomFor(admission: Admission): boolean {
    // A hub that has just woken does not know of the sockets that it closed before and the client did not.
    this.#readTagged(enrolmentTag(admission) ?? agentTag(admission.agentId));
    return this.#slots.hasRoomFor(admission);
  }

  /** Adds a connection. Call it again when the connection has registered. */
  add(connection: Connection): void {
    this.#byId.set(connection.id, connection);
    if (connection.socket !== null) this.#bySocket.set(connection.socket, connection);
    this.#byAgent.add(connection.agentId, connection);
    if (connection.overHttp) this.#httpLeases.add(connection);
    if (connection.state.registered === null) this.#slots.add(connection);
    else this.#slots.remove(connection);
  }

  remove(connection: Connection): void {
    this.#byId.delete(connection.id);
    if (connection.socket !== null) this.#bySocket.delete(connection.socket);
    this.#byAgent.delete(connection.agentId, connection);
    this.#httpLeases.delete(connection);
    this.#slots.remove(connection);
  }

  /** The hub has closed this socket; the client has not yet. It takes up room of its token until then. */
  addClosing(socket: WebSocket, admission: Admission): void {
    this.#slots.addClosing(socket, admission);
  }

  /** The socket is closed at both ends, or broken. */
  forgetSocket(socket: WebSocket): void {
    this.#slots.forgetSocket(socket);
  }

  /** Forgets the connections, and returns those that were in memory. Their sockets must be closed. */
  forgetAll(): Connection[] {
    const forgotten = [...this.#byId.values()];
    for (const connection of forgotten) this.remove(connection);
    this.#isComplete = true;
    return forgotten;
  }

  /** Reads a connection from its socket; undefined if it has ended. */
  #wake(socket: WebSocket, id: string): Connection | undefined {
    const { sockets, terms, onRead, onUnreadable } = this.#parts;
    const connection = Connection.wake(sockets, socket, terms);
    if (connection === "unreadable") onUnreadable(socket, id);
    else if (connection instanceof ClosedConnection) this.addClosing(socket, connection.admission);
    if (!(connection instanceof Connection)) return undefined;
    this.add(connection);
    onRead(connection);
    return connection;
  }
}
