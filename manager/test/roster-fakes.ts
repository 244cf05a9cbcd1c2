/** A hub's roster over fakes, for tests that need no Worker. */
import { expect } from "vitest";
import type { Settings } from "../src/config.ts";
import type { Alarm } from "../src/hub/alarm.ts";
import type { ReplacedHost } from "../src/hub/clones.ts";
import type { Connection, Sockets } from "../src/hub/connection.ts";
import type { ConnectionState } from "../src/hub/connection-state.ts";
import { HeartbeatWindow } from "../src/hub/heartbeat-window.ts";
import { recover } from "../src/hub/recovery.ts";
import { Roster, type RosterStore, type StoredConnection } from "../src/hub/roster.ts";
import type { LastSweep } from "../src/hub/sweep-record.ts";
import { Sweeper } from "../src/hub/sweeper.ts";
import type { CloneReport } from "../src/presence/clone.ts";
import type { LiveStatus, Transition } from "../src/presence/presence.ts";
import type { Admission } from "../src/registry/admission.ts";

export const NOW = 1_790_000_000_000;
export const LEASE_MS = 40_000;
export const SETTINGS: Settings = {
  hubShards: 1,
  heartbeatIntervalMs: 30_000,
  leaseMs: LEASE_MS,
  maxFrameBytes: 65_536,
  messagesPerSecond: 100,
  bytesPerSecond: 1_048_576,
  hubMessagesPerSecond: 4_000,
};
export const HOST = { name: "edge-7", host: { version: "1", os: "linux", arch: "amd64", hostname: "edge-7" } };

/** The hub's end of a socket, which keeps what is done with it. */
export class FakeSocket extends EventTarget implements WebSocket {
  static readonly READY_STATE_CONNECTING = 0;
  static readonly READY_STATE_OPEN = 1;
  static readonly READY_STATE_CLOSING = 2;
  static readonly READY_STATE_CLOSED = 3;
  readonly url = null;
  readonly protocol = null;
  readonly extensions = null;
  readonly bufferedAmount = 0;
  binaryType: "blob" | "arraybuffer" = "arraybuffer";
  readyState = 1;
  readonly sent: string[] = [];
  closed: number | null = null;
  attachment: string | null = null;
  onRead: () => void = () => {};

  accept(): void {}
  send(message: string | ArrayBuffer | ArrayBufferView): void {
    this.sent.push(String(message));
  }
  close(code?: number): void {
    this.readyState = 2;
    this.closed = code ?? 1000;
  }
  serializeAttachment(attachment: unknown): void {
    this.attachment = JSON.stringify(attachment);
  }
  deserializeAttachment(): unknown {
    this.onRead();
    return this.attachment === null ? null : JSON.parse(this.attachment);
  }
}

/** All that outlives the memory of a hub: its sockets and its rows. */
export class Durable {
  readonly tags = new Map<WebSocket, string[]>();
  /** When the runtime last answered a bare heartbeat. */
  readonly beats = new Map<WebSocket, number>();
  readonly states = new Map<string, StoredConnection>();
  readonly replaced = new Map<string, ReplacedHost>();
  lastSweep: LastSweep = { at: 0, known: null };
  /** How often an attachment was read. */
  attachmentsRead = 0;
  /** How often all sockets of a tag, or of none, were asked for. */
  enumerations: (string | undefined)[] = [];
  readonly setAside: [string, string][] = [];

  readonly sockets: Sockets = {
    acceptWebSocket: (socket, tags = []) => {
      this.tags.set(socket, tags);
      if (socket instanceof FakeSocket) socket.onRead = () => this.attachmentsRead++;
    },
    getTags: (socket) => this.tags.get(socket) ?? [],
    getWebSockets: (tag) => {
      this.enumerations.push(tag);
      const tagged = [...this.tags].filter(([, tags]) => tag === undefined || tags.includes(tag));
      return tagged.map(([socket]) => socket).filter((socket) => socket.readyState === 1);
    },
    getWebSocketAutoResponseTimestamp: (socket) => {
      const at = this.beats.get(socket);
      return at === undefined ? null : new Date(at);
    },
  };

  store(): RosterStore {
    const durable = this;
    return {
      connections: () => [...durable.states.values()].map((stored) => structuredClone(stored)),
      connection: (id) => structuredClone(durable.states.get(id) ?? null),
      httpLeases: () => [...durable.states.values()].filter(({ state }) => isHttpLease(state)),
      connectionIds: (limit) =>
        [...durable.states.values()].flatMap(({ state }) => (isHttpLease(state) ? [] : [state.id])).slice(0, limit),
      get hasConnections() {
        return durable.states.size > 0;
      },
      putConnection: (state) => durable.states.set(state.id, { state: structuredClone(state), end: null }),
      forgetConnections: () => durable.states.clear(),
      setAside: (source, id) => durable.setAside.push([source, id]),
      replacedHost: (agentId, bootId) => durable.replaced.get(`${agentId} ${bootId}`) ?? null,
      putReplacedHost: (agentId, host) => {
        const key = `${agentId} ${host.bootId}`;
        const replaced = { host, firstAt: durable.replaced.get(key)?.firstAt ?? host.seenAt };
        durable.replaced.set(key, replaced);
        return replaced;
      },
      lastSweep: () => durable.lastSweep,
      saveSweep: (at, known) => {
        durable.lastSweep = { at, known };
      },
    };
  }
}

function isHttpLease({ admission }: ConnectionState): boolean {
  return admission.connectionId === null;
}

/** A hub's roster, loaded over what is durable. */
export function load(
  durable: Durable,
  isOwn = (_agentId: string) => true,
  settings = SETTINGS,
  alarm?: Pick<Alarm, "ringBy" | "isSet">,
  /** When the alarm rings that was set before. */
  alarmAt: number | null = null,
) {
  const transitions: Transition[] = [];
  const alarms: number[] = [];
  const ended: Connection[] = [];
  const clones: CloneReport[] = [];
  const told: LiveStatus[] = [];
  const store = durable.store();
  const parts = {
    settings,
    window: new HeartbeatWindow("hub-0", settings.heartbeatIntervalMs),
    sockets: durable.sockets,
    store,
    alarm: alarm ?? { isSet: true, ringBy: (at: number) => alarms.push(at) },
  };
  const roster: Roster = new Roster({
    ...parts,
    outbox: {
      push: ({ connectionId, transition }) => {
        transitions.push(transition);
        if (transition.status === "online") roster.storedArrival(connectionId);
        else durable.states.delete(connectionId);
      },
      pending: () => new Map(transitions.map((transition) => [transition.agentId, transition])),
    },
    onRecovered: () => {},
    onPresence: (live) => told.push(live),
    onReadLate: (late) => sweeper.noteLate(late),
    onArrived: (connection) => sweeper.watch(connection, Date.now()),
    onEnded: (connection) => ended.push(connection),
    onClone: (_, report) => clones.push(report),
  });
  const sweeper: Sweeper = new Sweeper({ ...parts, roster });
  const last = store.lastSweep();
  sweeper.load(recover({ ...parts, roster }, last, isOwn));
  sweeper.endGone(alarmAt);
  return { roster, sweeper, transitions, alarms, ended, clones, told };
}

/** Why each transition happened, or `online`. */
export const reasons = (transitions: readonly Transition[]) =>
  transitions.map(({ status, reason }) => reason ?? status);

let connections = 0;
export function admission(agentId: string, more: Partial<Admission> = {}): Admission {
  connections++;
  return {
    agentId,
    connectionId: `c${connections}`,
    known: HOST,
    separate: false,
    candidateHash: null,
    enrolment: null,
    generation: NOW + connections,
    bootId: "boot-1",
    address: "203.0.113.9",
    ...more,
  };
}

/** Opens a socket for an admission. */
export function open(roster: Roster, admitted: Admission): FakeSocket {
  const socket = new FakeSocket();
  roster.accept(socket, admitted, admitted.connectionId ?? "");
  return socket;
}

/** Opens a socket and registers its agent. */
export function arrive(roster: Roster, agentId: string, more: Partial<Admission> = {}, aligns = false): FakeSocket {
  const admitted = admission(agentId, more);
  const socket = open(roster, admitted);
  expect(roster.arrive(admitted, HOST, aligns)).toMatchObject({ ok: true });
  return socket;
}
