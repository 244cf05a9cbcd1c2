/** Messages and their frames, as docs/PROTOCOL.md "Frames" defines them. */
import { type FrameErrorCode, failure, type Outcome, type WireError } from "./errors.ts";
import { isSubject } from "./subject.ts";

/** The version of docs/PROTOCOL.md that this manager speaks. */
export const PROTOCOL = 1;

/** The bare heartbeat and its answer, byte for byte: the hub's auto-response pair. */
export const HEARTBEAT = '{"subject":"agent.heartbeat"}';
export const HEARTBEAT_ACK = '{"subject":"agent.heartbeat.ack"}';

/** A decoded message. `data` is undefined when the frame has none, `timestamp` is in Unix milliseconds. */
export interface Message {
  readonly subject: string;
  readonly reply?: string;
  readonly data?: unknown;
  readonly timestamp?: number;
  readonly error?: WireError;
}

/** A frame that is no message. `reply` is the inbox to answer to, where the frame had a readable one. */
export interface BadFrame {
  readonly ok: false;
  readonly error: WireError;
  readonly reply?: string;
}

const UTF8 = new TextEncoder();

/** Whether `text` takes more than `maxBytes` bytes of UTF-8; encodes only where its length leaves that open. */
export function exceedsBytes(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true;
  // A UTF-16 unit takes at most three bytes.
  return text.length * 3 > maxBytes && UTF8.encode(text).byteLength > maxBytes;
}

/** How many bytes of UTF-8 a frame takes. */
export function byteLength(frame: string | ArrayBuffer): number {
  return typeof frame === "string" ? UTF8.encode(frame).byteLength : frame.byteLength;
}

/** Decodes a frame. Total: whatever arrives yields a message or a {@link BadFrame} with a code of {@link FrameErrorCode}. */
export function decode(
  frame: string | ArrayBuffer,
  maxFrameBytes: number,
): { readonly ok: true; readonly message: Message } | BadFrame {
  if (typeof frame !== "string") return failure("unsupported_frame", "frames must be text");
  if (exceedsBytes(frame, maxFrameBytes)) {
    return failure("payload_too_large", `the frame is longer than ${maxFrameBytes} bytes`);
  }
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return failure("invalid_json", "the frame is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return failure("invalid_message", "the frame is not a JSON object");
  }
  const fields = new Map(Object.entries(value));
  const subject: unknown = fields.get("subject");
  const reply: unknown = fields.get("reply");
  const timestamp: unknown = fields.get("timestamp");
  const error = fields.has("error") ? wireError(fields.get("error")) : undefined;
  const inbox = typeof reply === "string" && isSubject(reply) ? { reply } : {};
  const bad = (code: FrameErrorCode, problem: string): BadFrame => ({ ...failure(code, problem), ...inbox });

  // The form of every field first, then the grammar: the order is part of the protocol.
  if (subject === undefined) return bad("invalid_message", "subject is missing");
  if (typeof subject !== "string") return bad("invalid_message", "subject is not a string");
  if (fields.has("reply") && typeof reply !== "string") return bad("invalid_message", "reply is not a string");
  if (fields.has("timestamp") && !Number.isSafeInteger(timestamp)) {
    return bad("invalid_message", "timestamp is not an integer");
  }
  if (error === null) return bad("invalid_message", "error is not an object with the strings code and message");
  if (error !== undefined && fields.has("data")) return bad("invalid_message", "error and data exclude each other");
  if (!isSubject(subject)) return bad("invalid_subject", "subject is not a valid subject");
  if (fields.has("reply") && inbox.reply === undefined) return bad("invalid_subject", "reply is not a valid subject");

  return {
    ok: true,
    message: {
      subject,
      ...inbox,
      ...(fields.has("data") ? { data: fields.get("data") } : {}),
      ...(typeof timestamp === "number" ? { timestamp } : {}),
      ...(error === undefined ? {} : { error }),
    },
  };
}

function wireError(value: unknown): WireError | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const fields = new Map(Object.entries(value));
  const code = fields.get("code");
  const message = fields.get("message");
  return typeof code === "string" && typeof message === "string" ? { code, message } : null;
}

/** The frame of a message that this manager sends. `dataJson` is JSON text, so a payload is never parsed only to be written again. */
export function encode(subject: string, fields: { reply?: string; dataJson?: string; error?: WireError }): string {
  let frame = `{"subject":${JSON.stringify(subject)}`;
  if (fields.reply !== undefined) frame += `,"reply":${JSON.stringify(fields.reply)}`;
  if (fields.dataJson !== undefined) frame += `,"data":${fields.dataJson}`;
  if (fields.error !== undefined) frame += `,"error":${JSON.stringify(fields.error)}`;
  return `${frame},"timestamp":${Date.now()}}`;
}

/** JSON text of a payload; a request without data has the empty outcome `undefined`, as on the wire. */
export function dataJson(outcome: Outcome<unknown>): { dataJson?: string; error?: WireError } {
  if (!outcome.ok) return { error: outcome.error };
  return outcome.value === undefined ? {} : { dataJson: JSON.stringify(outcome.value) };
}
