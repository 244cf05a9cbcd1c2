/** The answer to a client's message, from its payload to the frame. Agents and viewers are answered alike. */
import type { z } from "zod";
import { failure, type Outcome } from "../protocol/errors.ts";
import { encode, exceedsBytes, type Message } from "../protocol/message.ts";
import { firstIssue } from "../protocol/payloads.ts";

/** A connection is closed after this many bad frames. */
export const MAX_BAD_FRAMES = 32;
/** How often a connection is told that messages without a reply are refused. */
export const TOLD_EVERY_MS = 1_000;

/** The answer to a message: the reply's data as JSON text (undefined if there is none), or an error. */
export type Answer = Outcome<string | undefined>;

export function answer(outcome: Outcome<object>): Answer {
  return outcome.ok ? { ok: true, value: JSON.stringify(outcome.value) } : outcome;
}

/** The payload of a message, if it fits `schema`. */
export function payload<T>(schema: z.ZodType<T>, { dataJson }: Pick<Message, "dataJson">): Outcome<T> {
  const parsed = schema.safeParse(dataJson === undefined ? undefined : JSON.parse(dataJson));
  return parsed.success ? { ok: true, value: parsed.data } : failure("invalid_data", firstIssue(parsed.error));
}

/** The frame of an answer. If it is longer than the client accepts, it is the frame of an error. */
export function answerFrame(subject: string, outcome: Answer, maxFrameBytes: number): string {
  const frame = outcome.ok ? frameOf(subject, outcome.value) : encode(subject, { error: outcome.error });
  return exceedsBytes(frame, maxFrameBytes)
    ? encode(subject, { error: failure("payload_too_large", "the reply exceeds the frame limit").error })
    : frame;
}

function frameOf(subject: string, dataJson: string | undefined): string {
  return encode(subject, dataJson === undefined ? {} : { dataJson });
}
