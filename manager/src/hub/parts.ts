/** The parts of a hub, and how they are connected. hub.ts has the handlers that use them. */
import { type Settings, settings, VERSION } from "../config.ts";
import { log } from "../log.ts";
import { flappingUntil } from "../presence/timeline.ts";
import type { Outcome } from "../protocol/errors.ts";
import { recordedAgentJson } from "../registry/agent-json.ts";
import { findAgent } from "../registry/agents.ts";
import { recordRefusedHost } from "../registry/refused-hosts.ts";
import { sessionEnd } from "../registry/sessions.ts";
import { writeReport, writeTransitions } from "../registry/transitions.ts";
import { passwordHash } from "../registry/viewer-header.ts";
import { Alarm } from "./alarm.ts";
import { Feed, type RegistryChange, VIEWER_TAG } from "./feed.ts";
import { Guard } from "./guard.ts";
import { HeartbeatWindow } from "./heartbeat-window.ts";
import { Outbox } from "./outbox.ts";
import { hubName } from "./placement.ts";
import { type RecoveryParts, recover } from "./recovery.ts";
import { Registrations } from "./registration.ts";
import { PendingRequests } from "./requests.ts";
import { Retirement } from "./retirement.ts";
import { Roster } from "./roster.ts";
import { type ControlMethods, Router } from "./router.ts";
import { Separations } from "./separation.ts";
import { HubStore } from "./store.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Sweeper } from "./sweeper.ts";

/** The methods of the hub itself that its parts call. */
export interface HubMethods extends ControlMethods {
  separate(agentId: string, bootId: string): Promise<Outcome<string | null>>;
}

export class HubParts {
  readonly settings: Settings;
  readonly guard: Guard;
  readonly store: HubStore;
  readonly window: HeartbeatWindow;
  readonly alarm: Alarm;
  readonly outbox: Outbox;
  readonly roster: Roster;
  readonly sweeper: Sweeper;
  readonly feed: Feed;
  readonly requests = new PendingRequests();
  readonly subscriptions = new Subscriptions();
  readonly registrations: Registrations;
  readonly separations: Separations;
  readonly router: Router;
  readonly retirement: Retirement;
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  #loadedAt = 0;

  constructor(ctx: DurableObjectState, env: Env, hub: HubMethods) {
    this.#ctx = ctx;
    this.#env = env;
    const name = ctx.id.name ?? "unnamed";
    const waitUntil = (work: Promise<unknown>) => ctx.waitUntil(work);
    const hubLog = log.with({ hub: name });
    this.guard = new Guard(hubLog, (socket) =>
      this.feed.owns(socket) ? undefined : this.roster.connections.bySocket(socket),
    );
    this.settings = settings(env);
    const store = new HubStore(ctx.storage.sql, hubLog);
    this.store = store;
    this.window = new HeartbeatWindow(name, this.settings.heartbeatIntervalMs);
    this.alarm = new Alarm(ctx.storage, waitUntil);
    this.outbox = new Outbox({
      store,
      write: (transitions) => writeTransitions(env.DB, name, transitions),
      writeReport: () => writeReport(env.DB, name, store.parkedCount, Date.now()),
      alarm: this.alarm,
      waitUntil,
      onStale: (stale) => this.roster.closeStale(stale),
      onArrivalStored: (connectionId) => this.roster.storedArrival(connectionId),
      onBurst: (agentId, burstAt) => {
        const until = flappingUntil(burstAt, Date.now());
        if (until === null) return;
        this.guard.attempt("feed", () => this.feed.registry(agentId, { change: "flapping", flappingUntil: until }));
      },
      log: hubLog,
    });
    this.roster = new Roster({
      settings: this.settings,
      window: this.window,
      sockets: ctx,
      store,
      outbox: this.outbox,
      alarm: this.alarm,
      onReadLate: (late) => this.sweeper.noteLate(late),
      onArrived: (connection) => this.sweeper.watch(connection, Date.now()),
      onRecovered: (connection) => this.subscriptions.index(connection),
      onPresence: (live) => this.guard.attempt("feed", () => this.feed.presence(live)),
      onEnded: (connection) => {
        this.subscriptions.drop(connection);
        this.requests.disconnect(connection.id);
      },
      onClone: (agentId, report) => waitUntil(this.separations.report(agentId, report)),
    });
    this.sweeper = new Sweeper({ ...this.#recovery, window: this.window, alarm: this.alarm });
    this.feed = new Feed({
      settings: this.settings,
      version: VERSION,
      window: this.window,
      sockets: ctx,
      sessionEnd: (idHash) => sessionEnd(env.DB, idHash, Date.now()),
      passwordHash: () => passwordHash(env),
    });
    this.registrations = new Registrations(env, this.roster, {
      onEnrolled: (agentId) => waitUntil(this.#announceOwn(agentId, "enrolled")),
      // The query has logged why it failed.
      onRefused: (enrolmentId, host) => waitUntil(recordRefusedHost(env.DB, enrolmentId, host).catch(() => {})),
      onSecondHost: ({ agentId, bootId }) => {
        // The registry keeps the operator's order until it is done. If this attempt fails, the next registration tries
        // again.
        waitUntil(hub.separate(agentId, bootId).catch(() => {}));
      },
    });
    this.separations = new Separations(env, this.roster, hubLog, (agentId, change) => {
      waitUntil(this.#announceOwn(agentId, change));
    });
    this.router = new Router({
      control: hub,
      requests: this.requests,
      subscriptions: this.subscriptions,
      settings: this.settings,
      onClose: (connection, close) => this.roster.depart(connection, { reason: "policy", close }),
      onFault: (error, connection, subject) => this.guard.log(error, connection, { subject }),
    });
    this.retirement = new Retirement({
      db: env.DB,
      name: ctx.id.name,
      hubShards: this.settings.hubShards,
      alarm: this.alarm,
      roster: this.roster,
      outbox: this.outbox,
    });
  }

  /** Call this before the first event is handled. */
  async load(): Promise<void> {
    this.#loadedAt = Date.now();
    const alarmAt = await this.alarm.load();
    try {
      this.outbox.load();
      const last = this.store.lastSweep();
      this.sweeper.load(recover(this.#recovery, last, (agentId) => this.#isOwn(agentId)));
      if (alarmAt !== null) this.sweeper.endGone(alarmAt);
      this.retirement.schedule();
      if (!this.outbox.isEmpty) this.#ctx.waitUntil(this.outbox.flush());
    } catch (error) {
      // Without this catch, the fault would repeat at every event, and no agent could connect to this hub any more.
      this.guard.log(error, undefined, { event: "load" });
      this.roster.abandon();
    }
  }

  /**
   * Call this when the alarm rings. A hub that was loaded because of it could not know when it had been set to ring.
   * @param scheduledAt when it had to ring; null if that is not known
   */
  finishLoad(scheduledAt: number | null): void {
    this.sweeper.endGone(scheduledAt !== null && scheduledAt <= this.#loadedAt ? scheduledAt : null);
  }

  /** Tells the viewers of a change in the registry. */
  tellChange(agentId: string, change: RegistryChange): void {
    this.feed.registry(agentId, change);
    // The row lacks the `rttMs` of an agent over HTTP, which comes with the beat that puts the agent online. A client
    // may take the row for newer than the last presence, so the presence is sent once more after it.
    const connection = this.feed.isEmpty ? undefined : this.roster.live(agentId);
    if (connection !== undefined) this.roster.tellPresence(connection);
  }

  get #recovery(): RecoveryParts {
    return { settings: this.settings, sockets: this.#ctx, store: this.store, roster: this.roster };
  }

  #isOwn(agentId: string): boolean {
    const { name } = this.#ctx.id;
    // The runtime knows the name of every hub that the Worker calls. Without it the hub cannot tell which agents are its own.
    return name === undefined || name === hubName(agentId, this.settings.hubShards);
  }

  /**
   * Tells the viewers of a change that this hub has made in the registry. If the registry fails, they miss the message.
   */
  async #announceOwn(agentId: string, change: string): Promise<void> {
    await this.guard.run("announce", null, async () => {
      // Saves a read of D1 for each host that enrols while there is no viewer. A later viewer reads the change in the
      // list.
      if (this.#ctx.getWebSockets(VIEWER_TAG).length === 0) return;
      const record = await findAgent(this.#env.DB, agentId);
      // A client drops a removed agent at any revision.
      if (record === null) return this.tellChange(agentId, { change: "removed", revision: 0, agentJson: null });
      const agentJson = JSON.stringify(recordedAgentJson(record));
      this.tellChange(agentId, { change, revision: record.revision, agentJson });
    });
  }
}
