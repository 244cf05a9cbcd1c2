/** The Worker sends an admission to the hub in a header of a fetch request, because a WebSocket cannot cross RPC. */
import { z } from "zod";
import { NamedHost } from "../presence/host.ts";
import type { Admission } from "./admission.ts";

/** An older Worker does not say how many hosts an enrolment is for. Then the hub must not take it for an enrolment of one. */
const UNKNOWN_USES = 10_000;

/** The schema of an admission in the header and in a hub's storage. */
export const StoredAdmission: z.ZodType<Admission> = z.object({
  connectionId: z.string().min(1).nullable(),
  agentId: z.string().min(1),
  known: NamedHost.nullable(),
  labels: z.array(z.string()).readonly().optional(),
  separate: z.boolean(),
  candidateHash: z.string().nullable(),
  enrolment: z
    .object({
      id: z.string(),
      installId: z.string(),
      hostName: z.string().nullable(),
      maxUses: z.int().default(UNKNOWN_USES),
    })
    .nullable(),
  generation: z.int(),
  bootId: z.string(),
  address: z.string().nullable(),
});

/**
 * Encodes an admission as JSON in ASCII only. If a header has other characters, the runtime writes the whole header to
 * the log.
 */
export function encodeAdmission(admission: Admission): string {
  return JSON.stringify(admission).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** @throws if {@link encodeAdmission} did not make the header. The error names fields but contains no values. */
export function parseAdmission(header: string | null): Admission {
  if (header === null) throw new Error("the request carries no admission");
  let value: unknown;
  try {
    value = JSON.parse(header);
  } catch {
    // The parser's error is not used, because it quotes the text.
    throw new Error("the admission is not JSON");
  }
  const parsed = StoredAdmission.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(
    `the admission has invalid fields: ${parsed.error.issues.map(({ path }) => path.join(".")).join(", ")}`,
  );
}
