/**
 * `make signing-secret`: a new JWT_SECRET without losing the fleet. The old one stays good as JWT_SECRET_PREVIOUS until it is
 * taken away by FINISH=1. Run again, it goes on where it was, and rotates the agents that have come back meanwhile.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Admin } from "../stack/admin.ts";
import { UserError } from "../stack/user-error.ts";
import { keep, keepsakeFile, managerUrl, readKeepsake } from "./keepsake.ts";
import { keyId, makeSigningSecret } from "./secrets.ts";
import { type AgentOfAnotherKey, type Keys, listAgentsOfOtherKeys, readKeys } from "./signing-keys.ts";
import { findTarget, type Target } from "./target.ts";
import { askAdminPassword, step, type Terminal } from "./terminal.ts";
import { changeSecrets } from "./worker.ts";

/** A hub that stays awake takes the new secret after 300 s, and a request may need some more. */
const IN_FORCE_WITHIN_MS = 330_000;
/** How long an agent may take to come back, after a reset of its hub or with a new token. */
const BACK_WITHIN_MS = 90_000;
const POLL_MS = 1_000;
/** How many agents are rotated at once. */
const AT_ONCE = 8;
/** How many hosts are listed. */
const LISTED = 50;

export async function changeSigningSecret(terminal: Terminal): Promise<void> {
  const target = await findTarget(terminal);
  const admin = await openAdmin(target);
  const before = await readKeys(admin);
  const fleet = await onlineIds(admin);
  if (before.previous === null) {
    await step(terminal, "Setting a new JWT_SECRET, and the present one as JWT_SECRET_PREVIOUS", () =>
      begin(target, before),
    );
  } else terminal.say("   A change is under way, and goes on.");
  await step(terminal, "Waiting until every hub signs with the new secret", () =>
    untilInForce(
      terminal,
      admin,
      ({ current, previous }) => previous !== null && (before.previous !== null || current !== before.current),
    ),
  );
  await step(terminal, "Waiting for the agents of hubs that were reset", () => untilOnline(admin, fleet));
  await step(terminal, "Rotating the agents that are online", () => rotateOnline(terminal, admin));
  sayRest(terminal, await listAgentsOfOtherKeys(admin));
}

/** Takes the previous secret away. */
export async function finishSigningSecret(terminal: Terminal, { force = false } = {}): Promise<void> {
  const target = await findTarget(terminal);
  const admin = await openAdmin(target);
  if ((await readKeys(admin)).previous === null) throw new UserError("there is no JWT_SECRET_PREVIOUS to take away");
  const rest = await listAgentsOfOtherKeys(admin);
  if (rest.length > 0 && !force) {
    throw new UserError(
      `hosts that still need JWT_SECRET_PREVIOUS: ${rest.length}\n${list(rest)}\n` +
        "FORCE=1 takes it away all the same; each of these hosts then needs a new enrolment token",
    );
  }
  await step(terminal, "Taking JWT_SECRET_PREVIOUS away", () => changeSecrets(target, { JWT_SECRET_PREVIOUS: null }));
  await keep(target, { previousSigningSecret: undefined });
}

/** After a leak: a new secret, and the old one is not kept, so every token that it signed is void. */
export async function replaceSigningSecret(terminal: Terminal): Promise<void> {
  const target = await findTarget(terminal);
  const admin = await openAdmin(target);
  const { current } = await readKeys(admin);
  const secret = makeSigningSecret();
  await keep(target, { signingSecret: secret, previousSigningSecret: undefined });
  await step(terminal, "Setting a new JWT_SECRET; all tokens become void", () =>
    changeSecrets(target, { JWT_SECRET: secret, JWT_SECRET_PREVIOUS: null }),
  );
  await step(terminal, "Waiting until every hub signs with the new secret", () =>
    untilInForce(terminal, admin, (keys) => keys.current !== current),
  );
  // A token is checked when an agent connects, not later.
  await step(terminal, "Draining the hubs, so that every agent has to show its token", () =>
    admin.call("POST", "/api/admin/drain", "{}"),
  );
  terminal.say("\n  Every host needs a new enrolment token now: start its agent again with one.");
}

async function openAdmin(target: Target): Promise<Admin> {
  return new Admin(new URL(await managerUrl(target)), await askAdminPassword(target.terminal));
}

async function begin(target: Target, { current }: Keys): Promise<void> {
  const { signingSecret, previousSigningSecret } = await readKeepsake(target);
  const known = [target.terminal.env.JWT_SECRET || undefined, signingSecret, previousSigningSecret];
  const present =
    known.find((secret) => secret !== undefined && keyId(secret) === current) ?? (await askPresent(target, current));
  // A secret that was kept but never set: the command was interrupted between the two.
  const isUnused = signingSecret !== undefined && signingSecret !== present && previousSigningSecret === present;
  const next = isUnused ? signingSecret : makeSigningSecret();
  // Before it is set, so that a secret that is in use is never lost.
  await keep(target, { signingSecret: next, previousSigningSecret: present });
  await changeSecrets(target, { JWT_SECRET: next, JWT_SECRET_PREVIOUS: present });
}

/** Cloudflare never shows a secret again, so it must come from somewhere else. */
async function askPresent(target: Target, current: string): Promise<string> {
  const secret = await target.terminal.askSecret("The present JWT_SECRET, which this machine does not have: ");
  if (secret === undefined) {
    throw new UserError(
      `${keepsakeFile(target)} does not have the present JWT_SECRET; put it into the environment: read -rs JWT_SECRET && export JWT_SECRET`,
    );
  }
  if (keyId(secret) !== current) throw new UserError("that is not the JWT_SECRET that the manager signs with");
  return secret;
}

/**
 * Waits until the Worker and every hub sign with the new secret.
 * @param isNew whether the Worker has it
 */
async function untilInForce(terminal: Terminal, admin: Admin, isNew: (keys: Keys) => boolean): Promise<void> {
  const deadline = performance.now() + IN_FORCE_WITHIN_MS;
  let said = "";
  for (;;) {
    // The manager may be away for a moment.
    const keys = await readKeys(admin).catch((error: unknown) => {
      if (error instanceof UserError && performance.now() < deadline) return undefined;
      throw error;
    });
    const hubs = keys?.hubs ?? [];
    const ready = keys !== undefined && isNew(keys) ? hubs.filter(({ current }) => current === keys.current) : [];
    const progress = `   ${ready.length} of ${hubs.length} hubs`;
    if (keys !== undefined && progress !== said) terminal.say(progress);
    said = progress;
    if (hubs.length > 0 && ready.length === hubs.length) return;
    if (performance.now() > deadline)
      throw new UserError("not every hub has the new secret yet; run the command again later");
    await pause(POLL_MS);
  }
}

/** Waits until these agents are online again, and goes on without those that stay away. */
async function untilOnline(admin: Admin, fleet: ReadonlySet<string>): Promise<void> {
  const deadline = performance.now() + BACK_WITHIN_MS;
  for (;;) {
    const online = await onlineIds(admin);
    if ([...fleet].every((id) => online.has(id)) || performance.now() > deadline) return;
    await pause(POLL_MS);
  }
}

async function onlineIds(admin: Admin): Promise<Set<string>> {
  return new Set((await admin.agents()).filter(({ status }) => status === "online").map(({ id }) => id));
}

async function rotateOnline(terminal: Terminal, admin: Admin): Promise<void> {
  const online = await onlineIds(admin);
  const wanted = (await listAgentsOfOtherKeys(admin)).filter(({ id }) => online.has(id));
  const rotated = new Set<string>();
  const rest = wanted.values();
  const run = async () => {
    for (const { id, name } of rest) {
      try {
        await admin.call("POST", `/api/agents/${id}/rotate`);
        rotated.add(id);
        if (rotated.size % 100 === 0) terminal.say(`   ${rotated.size} of ${wanted.length}`);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        terminal.say(`   ${name} (${id}): ${error.message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
  const deadline = performance.now() + BACK_WITHIN_MS;
  let away = rotated.size;
  while (away > 0 && performance.now() < deadline) {
    away = (await listAgentsOfOtherKeys(admin)).filter(({ id }) => rotated.has(id)).length;
    if (away > 0) await pause(POLL_MS);
  }
  terminal.say(`   ${rotated.size - away} of ${wanted.length} are back with a new token`);
}

function sayRest(terminal: Terminal, rest: readonly AgentOfAnotherKey[]): void {
  if (rest.length > 0) {
    terminal.say(`\n  Hosts that still need the old secret, JWT_SECRET_PREVIOUS: ${rest.length}\n${list(rest)}`);
    terminal.say("\n  When they are back, run make signing-secret again.");
    return;
  }
  terminal.say("\n  No agent needs the old secret any more. Enrolment tokens that were minted before still do.");
  terminal.say("  When these are used or expired: make signing-secret FINISH=1");
}

function list(agents: readonly AgentOfAnotherKey[]): string {
  const lines = agents.slice(0, LISTED).map(({ id, name, hostname, lastSeen }) => {
    const seen = lastSeen === null ? "never seen" : `last seen ${new Date(lastSeen).toISOString()}`;
    return `    ${name} (${id}, host ${hostname}), ${seen}`;
  });
  return [...lines, ...(agents.length > LISTED ? [`    and ${agents.length - LISTED} more`] : [])].join("\n");
}
