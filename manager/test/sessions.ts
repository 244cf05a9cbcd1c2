/** The dashboard's sessions, as operators begin them. */
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { fetchManager } from "./manager.ts";

export interface Session {
  /** With these a request is of this session. */
  readonly headers: Record<string, string>;
  readonly idHash: string;
}

export async function logIn(): Promise<Session> {
  const response = await fetchManager("/api/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ password: env.ADMIN_PASSWORD }),
  });
  expect(response.status).toBe(204);
  const newest = env.DB.prepare("SELECT id_hash FROM sessions ORDER BY rowid DESC LIMIT 1");
  const idHash = (await newest.first<string>("id_hash")) ?? "";
  return { headers: { Cookie: response.headers.get("Set-Cookie")?.split(";")[0] ?? "" }, idHash };
}

/** Sets the times of a session, as if it had begun and been used so long ago. */
export async function ageSession({ idHash }: Session, begunMs: number, usedMs: number): Promise<void> {
  const now = Date.now();
  await env.DB.prepare("UPDATE sessions SET created_at = ?2, last_used_at = ?3 WHERE id_hash = ?1")
    .bind(idHash, now - begunMs, now - usedMs)
    .run();
}
