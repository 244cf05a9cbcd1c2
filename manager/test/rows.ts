/** Counts the rows of D1 that statements read and write, whoever runs them: D1 bills them, and they tell how work grows. */
import { env } from "cloudflare:workers";
import { onTestFinished } from "vitest";

export interface Rows {
  read: number;
  written: number;
  /** Statements that were run. */
  statements: string[];
}

type Send = (url: string, queries: unknown, ...rest: unknown[]) => Promise<unknown>;

/** Counts until the test has finished. The counts are set to 0 where the test likes. */
export function countRows(): Rows {
  const rows: Rows = { read: 0, written: 0, statements: [] };
  const sessions = sessionPrototype();
  const send = sessions._send;
  sessions._send = async function (this: unknown, url, queries, ...rest) {
    const answer = await send.call(this, url, queries, ...rest);
    for (const { meta } of [answer].flat() as D1Result[]) {
      rows.read += meta.rows_read;
      rows.written += meta.rows_written;
    }
    rows.statements.push(...[queries].flat().map(String));
    return answer;
  };
  onTestFinished(() => {
    sessions._send = send;
  });
  return rows;
}

/** What `work` costs. */
export async function rowsOf(rows: Rows, work: () => Promise<unknown>): Promise<Rows> {
  Object.assign(rows, { read: 0, written: 0, statements: [] });
  await work();
  return { ...rows };
}

/** The runtime sends every statement through the session of its database. */
function sessionPrototype(): { _send: Send } {
  const { alwaysPrimarySession } = env.DB as unknown as { alwaysPrimarySession: object };
  for (let proto = Object.getPrototypeOf(alwaysPrimarySession); proto !== null; proto = Object.getPrototypeOf(proto)) {
    if (Object.hasOwn(proto, "_send")) return proto;
  }
  throw new Error("this version of the runtime sends statements in another way");
}

/** Puts agents into the registry, as if they had enrolled with this enrolment and gone again. */
export async function insertAgents(enrolmentId: string, count: number, prefix = crypto.randomUUID()): Promise<void> {
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
     INSERT INTO agents (id, enrolment_id, install_id, name, token_hash, created_at, generation, status, reason, since,
       version, os, arch, hostname)
     SELECT ?3 || i, ?1, 'install-' || i, printf('%s-%05d', ?3, i), 'no hash', 1, 0, 'offline', 'never_connected', 1,
       '1.0.0', 'linux', 'amd64', 'host' FROM n`,
  )
    .bind(enrolmentId, count, prefix)
    .run();
}
