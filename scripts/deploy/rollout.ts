import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../stack/user-error.ts";
import { type Asset, describeAssets } from "./assets.ts";
import { findFaults, hasInstaller, untilHealthy } from "./checks.ts";
import { keep } from "./keepsake.ts";
import type { NewSecret } from "./secrets.ts";
import type { Target } from "./target.ts";
import { step, type Terminal } from "./terminal.ts";
import { showWrangler } from "./wrangler.ts";

const Deployed = z.looseObject({ type: z.literal("deploy"), targets: z.array(z.string()).optional() });

/**
 * Uploads the code and the files, and makes the new version serve. Returns the manager's URL.
 * @param isImmediate whether hubs that are awake take it at once, and lose their sockets
 */
export async function rollOut(
  target: Target,
  config: string,
  release: string,
  secrets: Record<string, string>,
  isImmediate: boolean,
): Promise<string> {
  // A version gets its secrets with its code, so the manager never serves without them. The file is for wrangler alone,
  // and is gone when wrangler has ended.
  await using scratch = await mkdtempDisposable(join(tmpdir(), "zedops-deploy-"));
  const file = join(scratch.path, "secrets.json");
  if (Object.keys(secrets).length > 0) await writeFile(file, JSON.stringify(secrets), { mode: 0o600, flag: "wx" });
  const report = await showWrangler(target.terminal, [
    ...["deploy", "--config", config, "--tag", release, "--message", `release ${release}`],
    ...(Object.keys(secrets).length > 0 ? ["--secrets-file", file] : []),
    ...(isImmediate ? ["--durable-objects-code-update-mode", "immediate"] : []),
  ]);
  const deployed = report.map((entry) => Deployed.safeParse(entry)).find(({ success }) => success)?.data;
  const url = urlOf(target.terminal, deployed?.targets ?? []);
  await keep(target, { url });
  return url;
}

/** The values of new secrets, by name. */
export async function valuesOf(secrets: readonly NewSecret[]): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const { name, value } of secrets) values[name] = await value();
  return values;
}

/** Waits until the manager serves, and looks at it from outside. */
export async function lookAt(terminal: Terminal, url: string, assets: readonly Asset[]): Promise<void> {
  await step(terminal, `Waiting for ${url}/healthz`, () => untilHealthy(url));
  await step(terminal, "Looking at the manager from outside", async () => {
    const faults = await findFaults(url, assets);
    if (faults.length > 0) {
      const list = faults.map((fault) => `\n  ${fault}`).join("");
      throw new UserError(
        `the manager is deployed, but is not as it should be:${list}\nIf that stays so, run make rollback`,
      );
    }
    terminal.say(`   health, headers, log-in and upgrade are as they should be; ${describeAssets(assets)}`);
  });
}

/** Says where the manager is and how the first agent gets there. */
export async function sayFirstAgent(terminal: Terminal, url: string): Promise<void> {
  terminal.say(`\n  Manager  ${url}\n\n  For the first agent, make an enrolment token here:\n`);
  terminal.say("    read -rs ADMIN_PASSWORD && export ADMIN_PASSWORD");
  terminal.say(`    make token MANAGER_URL=${url}\n`);
  if (await hasInstaller(url))
    terminal.say(
      `  and paste this into a root shell of the host; it asks for the token:\n\n    curl -fsSL ${url}/install.sh | sh\n`,
    );
  else
    terminal.say(
      `  and run the agent with it on the host; it asks for the token:\n\n    zedops-agent --manager ${url} --token-file -\n`,
    );
}

/** MANAGER_URL, or the address that the deploy reported; a domain of one's own comes before workers.dev. */
function urlOf({ env }: Terminal, targets: readonly string[]): string {
  if (env.MANAGER_URL) return new URL(env.MANAGER_URL).origin;
  const hosts = targets.map((target) => target.replace(/ \(.*/, "").replace(/^https?:\/\//, ""));
  const host = hosts.find((host) => /^[\w.-]+$/.test(host) && !host.endsWith(".workers.dev")) ?? hosts[0];
  if (host === undefined)
    throw new UserError(
      "the Worker is deployed, but has no address; set workers_dev or routes in manager/wrangler.jsonc",
    );
  return `https://${host}`;
}
