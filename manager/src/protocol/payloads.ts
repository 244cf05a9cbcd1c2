/** The payloads of the control subjects (docs/PROTOCOL.md), and of their HTTP twins: one schema for both ways in. */
import { z } from "@hono/zod-openapi";

/** A name that people read: 1–64 characters after trimming, without control characters. */
export const Name = z
  .string()
  .trim()
  .min(1)
  .max(64)
  .regex(/^\P{Cc}*$/u, "must not contain control characters");

/** Checks add up: a longest length that is to differ cannot be laid over a shorter one. */
const word = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .regex(/^\P{Cc}*$/u, "must not contain control characters");

/** `agent.register` */
export const Registration = z
  .object({
    protocol: z.int(),
    version: word(64),
    os: word(64),
    arch: word(64),
    hostname: word(253),
    name: Name.optional(),
  })
  .openapi("Registration", {
    example: { protocol: 1, version: "1.0.0", os: "linux", arch: "amd64", hostname: "edge-7", name: "edge-7" },
  });
export type Registration = z.infer<typeof Registration>;

export const Registered = z
  .object({
    agentId: z.string(),
    name: z.string(),
    token: z
      .string()
      .optional()
      .openapi({ description: "The permanent token; only the answer to an enrolment has it." }),
  })
  .openapi("Registered");
export type Registered = z.infer<typeof Registered>;

/** `agent.heartbeat`, the form with data */
export const Beat = z
  .object({
    rttMs: z.number().min(0).max(600_000).optional(),
    skewMs: z.number().min(-1e15).max(1e15).optional(),
  })
  .openapi("Beat", { example: { rttMs: 23, skewMs: -140 } });
export type Beat = z.infer<typeof Beat>;

export const BeatAck = z.object({ serverTime: z.int(), leaseMs: z.int() }).openapi("BeatAck");
export type BeatAck = z.infer<typeof BeatAck>;

/** `agent.subscribe` and `agent.unsubscribe`. All of the patterns are taken, or none. */
export const PatternList = z.object({ patterns: z.array(z.string()).min(1).max(32) });

/** `agent.credit`: what the agent has had of fan-out on this connection, in all. */
export const CreditReport = z.object({ frames: z.int().min(0), bytes: z.int().min(0) });

/** The first thing wrong with a payload, with the path of the field, for `invalid_data` and `invalid_request`. */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "invalid";
  const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...issue.path, ...(unknown === undefined ? [] : [unknown])].join(".");
  const message = unknown === undefined ? issue.message : "is not a known field";
  return path === "" ? message : `${path}: ${message}`;
}
