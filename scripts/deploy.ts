import { unstable_readConfig as readConfig } from "wrangler";
import { z } from "zod";
import { command } from "./stack/command.ts";
import { runInForeground, runQuietly } from "./stack/foreground.ts";
import { inRepository } from "./stack/repository.ts";
import { UserError } from "./stack/user-error.ts";

const config = "manager/wrangler.jsonc";

/** The id in the configuration before a database has been created. */
const NO_DATABASE = "00000000-0000-0000-0000-000000000000";

const Databases = z.object({
  d1_databases: z.array(z.object({ binding: z.string(), database_id: z.string().optional() })),
});

await command(async () => {
  await step("Checking the manager", "npm", "run", "--silent", "check", "--workspace", "manager");
  await step("Checking the dashboard", "npm", "run", "--silent", "check", "--workspace", "ui");
  await step("Building the dashboard", "npm", "run", "--silent", "build", "--workspace", "ui");

  const why = await whyDryRun();
  if (why !== undefined) {
    await step("Building the Worker", "npm", "run", "--silent", "build", "--workspace", "manager");
    console.log(`\nDry run: ${why}. Nothing was deployed. docs/OPERATIONS.md has the steps.`);
    return 0;
  }
  await requireDatabase();
  await requireSecrets();
  await step("Migrating D1", "wrangler", "d1", "migrations", "apply", "DB", "--remote", "--config", config);
  await step("Deploying the Worker", "wrangler", "deploy", "--config", config);
  return 0;
});

async function step(title: string, file: string, ...args: string[]): Promise<void> {
  console.log(`\n── ${title}`);
  if (!(await runInForeground(".", file, ...args))) throw new UserError(`failed: ${title}`);
}

async function whyDryRun(): Promise<string | undefined> {
  if (!["", "0"].includes(process.env.DRY_RUN ?? "")) return "DRY_RUN is set";
  if (process.env.CLOUDFLARE_API_TOKEN) return undefined;
  const { ok } = await runQuietly(".", "wrangler", "whoami", "--json");
  return ok ? undefined : "no Cloudflare account (run: npx wrangler login, or set CLOUDFLARE_API_TOKEN)";
}

async function requireDatabase(): Promise<void> {
  const { d1_databases } = Databases.parse(readConfig({ config: inRepository(config) }));
  const id = d1_databases.find((database) => database.binding === "DB")?.database_id;
  if (!id || id === NO_DATABASE) {
    throw new UserError(`no database yet: run "npx wrangler d1 create zedops" and put its id into ${config}`);
  }
}

async function requireSecrets(): Promise<void> {
  const { ok, output } = await runQuietly(".", "wrangler", "secret", "list", "--format", "json", "--config", config);
  // A Worker that has never been deployed has no list of secrets.
  const present = ok ? z.array(z.object({ name: z.string() })).parse(JSON.parse(output)) : [];
  const absent = ["ADMIN_PASSWORD", "JWT_SECRET"].filter((name) => !present.some((secret) => secret.name === name));
  if (absent.length > 0) {
    const orders = absent.map((name) => `  npx wrangler secret put ${name} --config ${config}`);
    throw new UserError(`secrets are missing; docs/OPERATIONS.md says what they must be:\n${orders.join("\n")}`);
  }
}
