/**
 * How a fleet comes back after an outage, step by step. Each attempt of an agent asks D1 for its admission, then its hub. The hub
 * writes its transitions to D1. D1 and each hub do one thing at a time, in the order in which it was asked for.
 */
import { Calendar } from "./calendar.ts";
import { AGENTS_PER_HUB, FLUSH_AGAIN_MS, FLUSH_SIZE, type Limits, RETRY_AFTER_MS } from "./limits.ts";
import { Random } from "./random.ts";
import { RetryPolicy, reconnectSpreadMs } from "./retry.ts";

/** What breaks. It begins at 0; times are milliseconds. */
export interface Outage {
  /** How many agents lose their connection. They are those of the first hubs, or agents of all hubs. */
  readonly lost: number;
  readonly ofFirstHubs?: boolean;
  /** The agents notice their loss within this time. */
  readonly noticedWithinMs?: number;
  /** Until then each attempt fails. */
  readonly unreachableUntilMs?: number;
  /** How long such an attempt takes: nothing if it is refused. */
  readonly failingAttemptMs?: number;
  /** Until then D1 fails each query at once. */
  readonly registryAwayUntilMs?: number;
  /** The spread of each agent's last welcome; that of a full hub by default. */
  readonly spreadMs?: (agent: number) => number;
}

export interface Recovery {
  /** When all agents were back, and when 99 % were, from the end of the outage; milliseconds. */
  readonly allBackMs: number;
  readonly mostBackMs: number;
  /** When D1 had every transition, likewise. */
  readonly recordedMs: number;
  /** Attempts in each second since the end of the outage, until all were back. */
  readonly perSecond: readonly number[];
  /** Attempts that D1 refused or that took too long, since the end of the outage. */
  readonly refused: number;
  /** The longest time that a query of D1 waited, and that an agent waited for its hub; milliseconds. */
  readonly registryQueueMs: number;
  readonly hubQueueMs: number;
}

const STEP_MS = 20;
const LONGEST_MS = 86_400_000;

export function simulate(agents: number, outage: Outage, limits: Limits, seed = 1): Recovery {
  const hubs = Math.max(1, Math.ceil(agents / AGENTS_PER_HUB));
  const random = new Random(seed);
  const policy = new RetryPolicy(outage.lost, random, limits.longestWindowMs);
  const hubOf = (agent: number) => (outage.ofFirstHubs ? Math.floor(agent / AGENTS_PER_HUB) : agent % hubs);
  const endedAt = Math.max(outage.unreachableUntilMs ?? 0, outage.registryAwayUntilMs ?? 0);

  /** When each database, and each hub, has done everything that it was asked for. */
  const databaseFreeAt = new Float64Array(limits.databases);
  const hubFreeAt = new Float64Array(hubs);
  /** Transitions that D1 does not have; those of the flush under way, if there is one. */
  const pending = new Float64Array(hubs);
  const flushing = new Float64Array(hubs);

  const attempts = new Calendar(outage.lost, STEP_MS);
  const flushes = new Calendar(hubs, STEP_MS);
  const perSecond: number[] = [];
  let [back, refused, registryQueueMs, hubQueueMs] = [0, 0, 0, 0];
  let [allBackAt, mostBackAt, recordedAt] = [0, 0, 0];

  /** Asks a database for work. Returns when it is done; null if the database refuses it. */
  const askDatabase = (hub: number, now: number, workMs: number): number | null => {
    if (now < (outage.registryAwayUntilMs ?? 0)) return null;
    const database = hub % limits.databases;
    const startAt = Math.max(now, databaseFreeAt[database] ?? 0);
    if (startAt - now > limits.longestQueueMs) return null;
    registryQueueMs = Math.max(registryQueueMs, startAt - now);
    databaseFreeAt[database] = startAt + workMs;
    return startAt + workMs;
  };

  const flush = (hub: number, now: number): void => {
    const count = Math.min(FLUSH_SIZE, pending[hub] ?? 0);
    if (count === 0) return;
    const doneAt = askDatabase(hub, now, limits.flushMs + count * limits.transitionMs);
    flushing[hub] = doneAt === null ? -1 : count;
    flushes.add(hub, doneAt ?? now + FLUSH_AGAIN_MS);
  };

  const addTransition = (hub: number, now: number): void => {
    pending[hub] = (pending[hub] ?? 0) + 1;
    if (flushing[hub] === 0) flush(hub, now);
  };

  const fail = (agent: number, now: number, retryAfterMs: number): void => {
    attempts.add(agent, now + policy.afterFailure(agent, now, retryAfterMs));
  };

  const attempt = (agent: number, now: number): void => {
    if (now < (outage.unreachableUntilMs ?? 0)) {
      fail(agent, now + (outage.failingAttemptMs ?? 0), 0);
      return;
    }
    const second = Math.floor((now - endedAt) / 1_000);
    if (second >= 0) perSecond[second] = (perSecond[second] ?? 0) + 1;
    const hub = hubOf(agent);
    const admittedAt = limits.admissionMs === 0 ? now : askDatabase(hub, now, limits.admissionMs);
    if (admittedAt === null) {
      if (now >= endedAt) refused++;
      fail(agent, now, RETRY_AFTER_MS);
      return;
    }
    const startAt = Math.max(admittedAt, hubFreeAt[hub] ?? 0);
    const connectedAt = startAt + limits.hubConnectMs;
    if (connectedAt - now > limits.attemptMs) {
      // The agent gives up before its turn, so the hub has no work with it.
      refused++;
      fail(agent, now + limits.attemptMs, 0);
      return;
    }
    hubFreeAt[hub] = connectedAt;
    hubQueueMs = Math.max(hubQueueMs, startAt - admittedAt);
    addTransition(hub, connectedAt);
    back++;
    allBackAt = Math.max(allBackAt, connectedAt);
    if (back === Math.ceil(outage.lost * 0.99)) mostBackAt = connectedAt;
  };

  const loseAll = (): void => {
    for (let agent = 0; agent < outage.lost; agent++) {
      const lostAt = random.upTo(outage.noticedWithinMs ?? 0);
      policy.spreadMs[agent] =
        outage.spreadMs?.(agent) ?? reconnectSpreadMs(agents / hubs, hubs, limits.longestSpreadMs);
      attempts.add(agent, lostAt + policy.afterLoss(agent, lostAt));
      // The hub stores the end of the connection, too.
      const hub = hubOf(agent);
      pending[hub] = (pending[hub] ?? 0) + 1;
    }
    for (let hub = 0; hub < hubs; hub++) flush(hub, 0);
  };

  loseAll();
  while (!(attempts.isEmpty && flushes.isEmpty)) {
    if (attempts.now > LONGEST_MS) throw new Error("the fleet does not come back within a day");
    flushes.advance((hub, now) => {
      pending[hub] = (pending[hub] ?? 0) - Math.max(0, flushing[hub] ?? 0);
      flushing[hub] = 0;
      recordedAt = Math.max(recordedAt, now);
      flush(hub, now);
    });
    attempts.advance(attempt);
  }
  const sinceEnd = (at: number) => Math.max(0, at - endedAt);
  return {
    ...{ allBackMs: sinceEnd(allBackAt), mostBackMs: sinceEnd(mostBackAt), recordedMs: sinceEnd(recordedAt) },
    ...{ perSecond: Array.from(perSecond, (count) => count ?? 0), refused, registryQueueMs, hubQueueMs },
  };
}
