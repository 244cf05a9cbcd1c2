/** The payloads of the control subjects (docs/PROTOCOL.md). Frames and the HTTP fallback use the same schemas. */
import { z } from "zod";
import { joinLabel, labelFault, labelsFault, splitLabel } from "./label.ts";
import { cleanHostText, nameFault } from "./names.ts";

/** The name of an agent or of an enrolment token: 1–64 characters after trimming, at least one of them visible. */
export const Name = z
  .string()
  .trim()
  .min(1)
  .max(64)
  .superRefine((name, context) => {
    const fault = nameFault(name);
    if (fault !== null) context.addIssue({ code: "custom", message: fault });
  });

/**
 * Which agents: those that have a key, or a label exactly. It has the form of a label, but `key` and `key=` differ:
 * docs/API.md "Agents".
 */
export const LabelFilter = z.string().superRefine((label, context) => {
  const fault = labelFault(label);
  if (fault !== null) context.addIssue({ code: "custom", message: fault });
});

/** A label, as it is kept. */
export const Label = LabelFilter.transform((label) => {
  const { key, value } = splitLabel(label);
  return joinLabel(key, value);
});

/** The labels of one agent, sorted. */
export const Labels = z
  .array(Label)
  .superRefine((labels, context) => {
    const fault = labelsFault(labels);
    if (fault !== null) context.addIssue({ code: "custom", message: fault });
  })
  .transform((labels) => labels.toSorted());

/** A text that describes the agent's host. It is cleaned and cut, never refused. */
const hostText = (longest: number) => z.string().transform((text) => cleanHostText(text, longest));

/** `agent.register` */
export const Registration = z.object({
  protocol: z.int(),
  version: hostText(64),
  os: hostText(64),
  arch: hostText(64),
  hostname: hostText(253),
  name: Name.optional(),
  labels: Labels.optional(),
  /** Whether the agent beats when `heartbeatDelayMs` of the welcome and `agent.heartbeat.align` ask it to. */
  alignsHeartbeat: z.boolean().optional(),
});
export type Registration = z.infer<typeof Registration>;

/**
 * The answer to `agent.register`. It has the permanent token only after an enrolment. It has labels only if the
 * welcome had none.
 */
export const Registered = z.object({
  agentId: z.string(),
  name: z.string(),
  labels: z.array(z.string()).readonly().optional(),
  token: z.string().optional(),
});
export type Registered = z.infer<typeof Registered>;

/** `agent.heartbeat`, the form with data */
export const Beat = z.object({
  rttMs: z.number().min(0).max(600_000).optional(),
  skewMs: z.number().min(-1e15).max(1e15).optional(),
});
export type Beat = z.infer<typeof Beat>;

export const BeatAck = z.object({ serverTime: z.int(), leaseMs: z.int() });
export type BeatAck = z.infer<typeof BeatAck>;

/** `agent.subscribe`, `agent.unsubscribe`, `live.subscribe` and `live.unsubscribe` */
export const PatternList = z.object({ patterns: z.array(z.string()).min(1).max(32) });

/** `agent.credit` and `live.credit`: totals of the counted frames that the client has processed on this connection. */
export const CreditReport = z.object({ frames: z.int().min(0), bytes: z.int().min(0) });

/**
 * The first fault of a payload, with the path of the field. It is the message of `invalid_data` and `invalid_request`.
 */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "invalid";
  const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...issue.path, ...(unknown === undefined ? [] : [unknown])].join(".");
  const message = unknown === undefined ? issue.message : "is not a known field";
  return path === "" ? message : `${path}: ${message}`;
}
