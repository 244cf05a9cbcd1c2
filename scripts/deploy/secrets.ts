import { createHash, randomBytes } from "node:crypto";
import { UserError } from "../stack/user-error.ts";
import { keep, keepsakeFile, readKeepsake } from "./keepsake.ts";
import type { Target } from "./target.ts";
import type { Terminal } from "./terminal.ts";

/** As in manager/src/config.ts. */
const LEAST = { ADMIN_PASSWORD: 12, JWT_SECRET: 32 } as const;

/** A secret that a deploy has to set. */
export interface NewSecret {
  readonly name: "ADMIN_PASSWORD" | "JWT_SECRET";
  /** Where its value comes from, in words. */
  readonly origin: string;
  readonly value: () => Promise<string>;
}

/**
 * The secrets that the Worker lacks. Their values are asked for and made only when they are set.
 * @param present the names of the secrets that it has
 * @throws UserError if a value can be had from nobody
 */
export async function missingSecrets(target: Target, present: readonly string[]): Promise<NewSecret[]> {
  const missing: NewSecret[] = [];
  if (!present.includes("ADMIN_PASSWORD")) missing.push(newPassword(target.terminal, "ADMIN_PASSWORD"));
  if (!present.includes("JWT_SECRET")) missing.push(await signingSecret(target));
  return missing;
}

async function signingSecret(target: Target): Promise<NewSecret> {
  const { env } = target.terminal;
  const { signingSecret: kept } = await readKeepsake(target);
  const given = env.JWT_SECRET || undefined;
  const value = async () => {
    if (given !== undefined) requireLength("JWT_SECRET", given);
    const secret = given ?? kept ?? makeSigningSecret();
    // Before it is set, so that a secret that is in use is never lost.
    await keep(target, { signingSecret: secret });
    return secret;
  };
  const origin =
    given !== undefined ? "JWT_SECRET in the environment" : kept !== undefined ? keepsakeFile(target) : "made now";
  return { name: "JWT_SECRET", origin, value };
}

/**
 * An admin password: from the environment, or asked for.
 * @param variable the variable of the environment
 */
export function newPassword(terminal: Terminal, variable: "ADMIN_PASSWORD" | "NEW_PASSWORD"): NewSecret {
  const given = terminal.env[variable] || undefined;
  if (given !== undefined) requireLength(variable, given);
  return {
    name: "ADMIN_PASSWORD",
    origin: given === undefined ? "asked for" : `${variable} in the environment`,
    value: async () => given ?? (await askPassword(terminal, variable)),
  };
}

async function askPassword(terminal: Terminal, variable: string): Promise<string> {
  for (;;) {
    const first = await terminal.askSecret(`Choose the admin password (${LEAST.ADMIN_PASSWORD} characters or more): `);
    if (first === undefined) {
      throw new UserError(
        `nobody can be asked for the admin password; put it into the environment: read -rs ${variable} && export ${variable}`,
      );
    }
    if (first.length < LEAST.ADMIN_PASSWORD) {
      terminal.say(`That is too short: it needs ${LEAST.ADMIN_PASSWORD} characters.`);
      continue;
    }
    if ((await terminal.askSecret("Once more: ")) === first) return first;
    terminal.say("The two are not the same.");
  }
}

export function makeSigningSecret(): string {
  return randomBytes(48).toString("base64url");
}

/** The id of the key that a signing secret makes, as in manager/src/tokens.ts. It does not reveal the secret. */
export function keyId(secret: string): string {
  return createHash("sha256").update(`kid of ${secret}`).digest("hex").slice(0, 16);
}

function requireLength(variable: string, value: string): void {
  const least = variable === "JWT_SECRET" ? LEAST.JWT_SECRET : LEAST.ADMIN_PASSWORD;
  if (value.length < least) throw new UserError(`${variable} is too short: it needs at least ${least} characters`);
  if (/[\r\n]/.test(value)) throw new UserError(`${variable} has a line break in it`);
}
