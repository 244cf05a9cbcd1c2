/** How much of each billed thing a fleet uses in a month: counts of docs/counts.json, times how often each event happens. */
import counts from "../../docs/counts.json" with { type: "json" };
import { HUB_GB, MESSAGES_PER_REQUEST } from "./prices.ts";

export interface Fleet {
  readonly agents: number;
  /** Pages of the dashboard that are open and visible all the time. */
  readonly pages: number;
  /** How often each agent loses its connection and comes back, per day. */
  readonly reconnectsPerDay: number;
  readonly deploysPerWeek: number;
  /** The part of the agents that a deploy disconnects, 0 to 1. A hub that sleeps takes new code and disconnects none. */
  readonly resetByDeploy: number;
  readonly agentsPerHub: number;
  /** Whether Cloudflare bills for heartbeats that the runtime answers. Its documentation can be read both ways. */
  readonly answersBilled: boolean;
  /** Rows that one connection writes in its hub and in D1; those that were counted, if undefined. */
  readonly rowsPerConnection: { readonly hub: number; readonly registry: number } | undefined;
}

export interface Usage {
  readonly workerRequests: number;
  readonly workerCpuMs: number;
  readonly hubRequests: number;
  readonly hubGbSeconds: number;
  readonly rowsRead: number;
  readonly hubRowsWritten: number;
  readonly registryRowsWritten: number;
  readonly hubStorageGb: number;
  readonly registryStorageGb: number;
}

export const DAYS_PER_MONTH = 30;
const SECONDS_PER_MONTH = DAYS_PER_MONTH * 86_400;

/** Not counted, but measured on our machine or assumed. */
export const ASSUMED = {
  /** Measured: the Worker's CPU time for a verified connection, and for one page of the list. */
  connectCpuMs: 1.1,
  listCpuMs: 9,
  /** Assumed: from the upgrade to the registration a timer keeps the hub awake for one round trip to the agent. */
  roundTripMs: 100,
  /** Assumed: a write to D1. The hub waits for it. */
  registryWriteMs: 50,
  /** Measured, and rounded up: one message; a sweep, and what it adds for each socket. */
  messageMs: 2,
  sweepMs: 10,
  sweepMsPerSocket: 0.0075,
  /** Measured in D1: an agent with its indexes, and a transition. */
  bytesPerAgent: 410,
  bytesPerTransition: 80,
  /** Assumed: the row of a connection in its hub. */
  bytesPerConnection: 700,
} as const;

const HEARTBEATS_PER_MONTH = SECONDS_PER_MONTH / 30;
/**
 * A visible page reads the list every ten minutes, 1,000 agents with each request. It reads what the database has, and asks no hub,
 * because its feed has told it the rest.
 */
const READINGS_PER_MONTH = SECONDS_PER_MONTH / 600;
const AGENTS_PER_READ = 1_000;
/** A page acknowledges that many frames with one message. */
const FRAMES_PER_ACKNOWLEDGEMENT = 64;
/** Transitions that a timeline keeps, and for how many days. */
const KEPT = { transitions: 200, days: 30 };
/** While a page is open, a change is sent at once, and a timer waits for those that follow it within this time. */
const TOGETHER_S = counts.changesTogether.timerMs / 1_000;
/** Presence messages of one connection: it begins, reports its round trip, ends. */
const CHANGES_PER_CONNECTION = 3;

export function usage(fleet: Fleet): Usage {
  const { agents, pages } = fleet;
  const hubs = Math.max(1, Math.ceil(agents / fleet.agentsPerHub));
  const byDeploys = (fleet.deploysPerWeek / 7) * DAYS_PER_MONTH * fleet.resetByDeploy;
  const connections = agents * (fleet.reconnectsPerDay * DAYS_PER_MONTH + byDeploys);
  const changes = connections * CHANGES_PER_CONNECTION;
  const sweeps = hubs * counts.sweepsPerMinute * (SECONDS_PER_MONTH / 60);
  const lists = pages * READINGS_PER_MONTH * Math.ceil(agents / AGENTS_PER_READ);

  const messages =
    connections * counts.agentMessages.length +
    (pages * changes) / FRAMES_PER_ACKNOWLEDGEMENT +
    (fleet.answersBilled ? (agents + pages * hubs) * HEARTBEATS_PER_MONTH : 0);
  const rows = fleet.rowsPerConnection ?? {
    hub: counts.connect.hubRowsWritten + counts.disconnect.hubRowsWritten,
    registry: counts.connect.registryRowsWritten + counts.disconnect.registryRowsWritten,
  };
  // A transition overwrites one that is too old. Only if there are too many of the last month, some are deleted.
  const prunings = isFull(fleet) ? connections / counts.pruning.connections : 0;
  const perConnection = (of: "hubRowsRead" | "registryRowsRead") =>
    counts.connect[of] + counts.disconnect[of] + (counts.agentMessages.length - 1) * counts.report[of];

  return {
    workerRequests: connections + lists,
    workerCpuMs: connections * ASSUMED.connectCpuMs + lists * ASSUMED.listCpuMs,
    hubRequests:
      connections * counts.connect.hubRequests +
      sweeps * counts.sweep.hubRequests +
      lists * counts.recordedListOfTen.hubRequests +
      messages / MESSAGES_PER_REQUEST,
    hubGbSeconds: HUB_GB * activeSeconds({ hubs, connections, changes, sweeps, fleet }),
    rowsRead:
      connections * (perConnection("hubRowsRead") + perConnection("registryRowsRead")) +
      prunings * counts.pruning.registryRowsRead +
      sweeps * perSweep("hubRowsRead") +
      // One row more than a page has shows whether there is another page.
      lists * (Math.min(agents, AGENTS_PER_READ) + 1),
    hubRowsWritten: connections * rows.hub + sweeps * perSweep("hubRowsWritten"),
    registryRowsWritten: connections * rows.registry + prunings * counts.pruning.registryRowsWritten,
    hubStorageGb: (agents * ASSUMED.bytesPerConnection) / 1e9,
    registryStorageGb: (agents * (ASSUMED.bytesPerAgent + transitionsKept(fleet) * ASSUMED.bytesPerTransition)) / 1e9,
  };
}

function transitionsKept(fleet: Fleet): number {
  return Math.min(KEPT.transitions, transitionsOfMonth(fleet));
}

/** Whether an agent has more transitions than its timeline keeps. */
function isFull(fleet: Fleet): boolean {
  return transitionsOfMonth(fleet) > KEPT.transitions;
}

function transitionsOfMonth({ reconnectsPerDay }: Fleet): number {
  return 2 * reconnectsPerDay * KEPT.days;
}

/** Most sweeps find nothing that has to be stored. */
function perSweep(of: "hubRowsRead" | "hubRowsWritten"): number {
  const stored = 1 / counts.sweepsPerStoredSweep;
  return counts.sweep[of] * (1 - stored) + counts.storedSweep[of] * stored;
}

interface Events {
  readonly hubs: number;
  readonly connections: number;
  readonly changes: number;
  readonly sweeps: number;
  readonly fleet: Fleet;
}

/**
 * The seconds in a month in which hubs are active, of all hubs together. A hub is active while it handles an event, and while it
 * has a timer. Events come at random times, so some overlap, and the time of an overlap is billed once.
 */
function activeSeconds({ hubs, connections, changes, sweeps, fleet }: Events): number {
  const { roundTripMs, registryWriteMs, messageMs, sweepMs, sweepMsPerSocket } = ASSUMED;
  const socketsPerHub = fleet.agents / hubs;
  const ms =
    connections * (roundTripMs + 2 * registryWriteMs + counts.agentMessages.length * messageMs) +
    (fleet.pages > 0 ? changes * counts.reportSeenByPage.timerMs : 0) +
    sweeps * (sweepMs + socketsPerHub * sweepMsPerSocket);
  const busyPerHub = ms / 1_000 / hubs / SECONDS_PER_MONTH;
  const batching = fleet.pages > 0 ? batchingShare(changes / hubs / SECONDS_PER_MONTH) : 0;
  return hubs * SECONDS_PER_MONTH * (1 - (1 - batching) * Math.exp(-busyPerHub));
}

/**
 * The part of the time in which a hub has a timer for a batch of changes. A change is sent at once if nothing was sent just now. If
 * not, a timer runs from the change until the batch is due.
 * @param rate changes per second, at random times
 */
function batchingShare(rate: number): number {
  if (rate === 0) return 0;
  const none = Math.exp(-rate * TOGETHER_S);
  const timer = TOGETHER_S - (1 - none) / rate;
  const betweenBatches = TOGETHER_S + none / rate;
  return timer / betweenBatches;
}
