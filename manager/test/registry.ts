/** Makes D1 fail as if it were out of reach: every query about agents fails, and every batch that writes agents. */
import { env } from "cloudflare:workers";

export async function hideRegistry(): Promise<void> {
  await env.DB.exec("ALTER TABLE agents RENAME TO hidden");
}

export async function showRegistry(): Promise<void> {
  await env.DB.exec("ALTER TABLE hidden RENAME TO agents");
}
