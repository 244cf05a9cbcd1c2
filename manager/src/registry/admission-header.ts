/** How an admission travels from the Worker to its hub: in a header, because a WebSocket cannot cross RPC. */
import { z } from "zod";
import { NamedHost } from "../presence/host.ts";
import type { Admission } from "./admission.ts";

/** An admission as it travels, and as a hub stores it. */
export const StoredAdmission: z.ZodType<Admission> = z.object({
  connectionId: z.string().min(1).nullable(),
  agentId: z.string().min(1),
  known: NamedHost.nullable(),
  separate: z.boolean(),
  candidateHash: z.string().nullable(),
  enrolment: z
    .object({ id: z.string(), installId: z.string(), hostName: z.string().nullable(), maxUses: z.int().default(1) })
    .nullable(),
  generation: z.int(),
  bootId: z.string(),
  address: z.string().nullable(),
});

/** JSON in ASCII alone: the runtime logs a header whole that has any other character. */
export function encodeAdmission(admission: Admission): string {
  return JSON.stringify(admission).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * @throws when the header is not what {@link encodeAdmission} made; the error names fields and holds no value of them.
 */
export function parseAdmission(header: string | null): Admission {
  if (header === null) throw new Error("the request carries no admission");
  let value: unknown;
  try {
    value = JSON.parse(header);
  } catch {
    // A parser's own message quotes what it read.
    throw new Error("the admission is not JSON");
  }
  const parsed = StoredAdmission.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(`the admission is not one: ${parsed.error.issues.map(({ path }) => path.join(".")).join(", ")}`);
}
