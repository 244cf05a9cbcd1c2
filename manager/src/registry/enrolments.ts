/** D1 queries on enrolments: the invitations that enrolment tokens stand for. */
import { query } from "./failure.ts";

export interface Enrolment {
  readonly id: string;
  readonly name: string | null;
  readonly maxUses: number;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export async function insertEnrolment(db: D1Database, enrolment: Enrolment): Promise<void> {
  const { id, name, maxUses, createdAt, expiresAt } = enrolment;
  await query(
    db
      .prepare("INSERT INTO enrolments (id, name, max_uses, created_at, expires_at) VALUES (?, ?, ?, ?, ?)")
      .bind(id, name, maxUses, createdAt, expiresAt)
      .run(),
  );
}
