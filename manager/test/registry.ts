/** Makes D1 fail as one that is out of reach does: every query of agents, and every batch that writes one. */
import { env } from "cloudflare:workers";

export async function hideRegistry(): Promise<void> {
  await env.DB.exec("ALTER TABLE agents RENAME TO hidden");
}

export async function showRegistry(): Promise<void> {
  await env.DB.exec("ALTER TABLE hidden RENAME TO agents");
}
