/** The payloads of the control subjects (docs/PROTOCOL.md), and of their HTTP fallback: one schema for both ways in. */
import { z } from "zod";
import { faultInName, hostWord } from "./names.ts";

/** A name that people read: 1–64 characters after trimming, some of them visible. */
export const Name = z
  .string()
  .trim()
  .min(1)
  .max(64)
  .superRefine((name, context) => {
    const fault = faultInName(name);
    if (fault !== null) context.addIssue({ code: "custom", message: fault });
  });

/** A word that an agent says of its host, cleaned and cut: whatever it is, it keeps no agent away. */
const word = (longest: number) => z.string().transform((said) => hostWord(said, longest));

/** `agent.register` */
export const Registration = z.object({
  protocol: z.int(),
  version: word(64),
  os: word(64),
  arch: word(64),
  hostname: word(253),
  name: Name.optional(),
  /** Whether the agent beats when `heartbeatDelayMs` of the welcome and `agent.heartbeat.align` ask it to. */
  alignsHeartbeat: z.boolean().optional(),
});
export type Registration = z.infer<typeof Registration>;

/** The answer to `agent.register`. Only the answer to an enrolment has the permanent token. */
export const Registered = z.object({ agentId: z.string(), name: z.string(), token: z.string().optional() });
export type Registered = z.infer<typeof Registered>;

/** `agent.heartbeat`, the form with data */
export const Beat = z.object({
  rttMs: z.number().min(0).max(600_000).optional(),
  skewMs: z.number().min(-1e15).max(1e15).optional(),
});
export type Beat = z.infer<typeof Beat>;

export const BeatAck = z.object({ serverTime: z.int(), leaseMs: z.int() });
export type BeatAck = z.infer<typeof BeatAck>;

/** `agent.subscribe` and `agent.unsubscribe`. All of the patterns are taken, or none. */
export const PatternList = z.object({ patterns: z.array(z.string()).min(1).max(32) });

/** `agent.credit`: totals of the fan-out that the agent has received on this connection. */
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
