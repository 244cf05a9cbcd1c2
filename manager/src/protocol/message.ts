/** Decodes and encodes messages: docs/PROTOCOL.md "Frames". */
import { type FrameErrorCode, failure, type WireError } from "./errors.ts";
import { MAX_DEPTH, type Member, parseString, readObject } from "./json.ts";
import { isSubject } from "./subject.ts";

/** The version of docs/PROTOCOL.md that this manager speaks. */
export const PROTOCOL = 1;

/**
 * The bare heartbeat and its answer. Both are exact texts: the runtime compares frames with the first and sends the
 * second.
 */
export const HEARTBEAT = '{"subject":"agent.heartbeat"}';
export const HEARTBEAT_ACK = '{"subject":"agent.heartbeat.ack"}';

/** A decoded message. */
export interface Message {
  readonly subject: string;
  readonly reply?: string | undefined;
  /** The payload as JSON text, unaltered; undefined if there is none. */
  readonly dataJson?: string | undefined;
  /** The sender's clock in Unix milliseconds. */
  readonly timestamp?: number | undefined;
  readonly error?: WireError | undefined;
}

/** A frame that cannot be decoded. */
export interface BadFrame {
  readonly ok: false;
  readonly error: WireError;
  /** The subject, if the frame had a valid one. */
  readonly subject?: string | undefined;
  /** The reply inbox, if the frame had a valid one. */
  readonly reply?: string | undefined;
}

const UTF8 = new TextEncoder();

/**
 * Whether `text` takes more than `maxBytes` bytes of UTF-8. It encodes the text only if the length alone cannot decide.
 */
export function exceedsBytes(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true;
  // A UTF-16 unit takes at most three bytes.
  return text.length * 3 > maxBytes && UTF8.encode(text).byteLength > maxBytes;
}

/** A text up to this length is counted in JavaScript: the call of the encoder takes longer. */
const SHORT = 1024;

/** How many bytes of UTF-8 a frame takes. */
export function byteLength(frame: string | ArrayBuffer): number {
  if (typeof frame !== "string") return frame.byteLength;
  if (frame.length > SHORT) return UTF8.encode(frame).byteLength;
  let bytes = frame.length;
  for (let at = 0; at < frame.length; at++) {
    const unit = frame.charCodeAt(at);
    if (unit < 0x80) continue;
    // Half a surrogate pair takes two of the pair's four bytes. One alone becomes U+FFFD, which takes three.
    bytes += unit < 0x800 || isPaired(frame, at) ? 1 : 2;
  }
  return bytes;
}

/** Whether the UTF-16 unit at a position is half of a surrogate pair. */
function isPaired(text: string, at: number): boolean {
  const unit = text.charCodeAt(at) & 0xfc00;
  if (unit === 0xd800) return (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
  return unit === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
}

/**
 * Decodes a frame. It never throws: every frame gives a message or a {@link BadFrame} with a {@link FrameErrorCode}.
 */
export function decode(
  frame: string | ArrayBuffer,
  maxFrameBytes: number,
): { readonly ok: true; readonly message: Message } | BadFrame {
  if (typeof frame !== "string") return failure("unsupported_frame", "frames must be text");
  if (exceedsBytes(frame, maxFrameBytes)) {
    return failure("payload_too_large", `the frame is longer than ${maxFrameBytes} bytes`);
  }
  const fields = readObject(frame);
  if (fields === "not_json") return failure("invalid_json", "the frame is not JSON");
  if (fields === "not_an_object") return failure("invalid_message", "the frame is not a JSON object");
  const subject = stringOf(fields.get("subject"));
  const reply = stringOf(fields.get("reply"));
  const timestamp = fields.has("timestamp") ? integerOf(fields.get("timestamp")) : undefined;
  const error = fields.has("error") ? errorOf(fields.get("error")) : undefined;
  const data = fields.get("data");
  const validSubject = subject !== null && isSubject(subject) ? subject : undefined;
  const validReply = reply !== null && isSubject(reply) ? reply : undefined;
  const bad = (code: FrameErrorCode, problem: string): BadFrame => {
    return { ...failure(code, problem), subject: validSubject, reply: validReply };
  };

  // The form of every field is checked before the grammar of subjects. This order is part of the protocol.
  for (const [name, { depth }] of fields) {
    if (depth > MAX_DEPTH) return bad("invalid_message", `${name} is nested more than ${MAX_DEPTH} deep`);
  }
  if (!fields.has("subject")) return bad("invalid_message", "subject is missing");
  if (subject === null) return bad("invalid_message", "subject is not a string");
  if (fields.has("reply") && reply === null) return bad("invalid_message", "reply is not a string");
  if (timestamp === null) return bad("invalid_message", "timestamp is not an integer");
  if (error === null) return bad("invalid_message", "error is not an object with the strings code and message");
  if (error !== undefined && data !== undefined) return bad("invalid_message", "error and data exclude each other");
  if (validSubject === undefined) return bad("invalid_subject", "subject is not a valid subject");
  if (reply !== null && validReply === undefined) return bad("invalid_subject", "reply is not a valid subject");

  return {
    ok: true,
    message: { subject: validSubject, reply: validReply, dataJson: data?.text, timestamp, error },
  };
}

/** The member's value if it is a string; null if it is missing or has another type. */
function stringOf(member: Member | undefined): string | null {
  return member?.text.startsWith('"') ? parseString(member.text) : null;
}

function integerOf(member: Member | undefined): number | null {
  const value: unknown = member?.depth === 0 ? JSON.parse(member.text) : null;
  return typeof value === "number" && Number.isSafeInteger(value) ? value : null;
}

function errorOf(member: Member | undefined): WireError | null {
  const fields = readObject(member?.text ?? "");
  if (typeof fields === "string") return null;
  const code = stringOf(fields.get("code"));
  const message = stringOf(fields.get("message"));
  return code === null || message === null ? null : { code, message };
}

/** Encodes a message of the manager. `dataJson` is JSON text and is copied into the frame unaltered. */
export function encode(subject: string, fields: { reply?: string; dataJson?: string; error?: WireError }): string {
  let frame = `{"subject":${JSON.stringify(subject)}`;
  if (fields.reply !== undefined) frame += `,"reply":${JSON.stringify(fields.reply)}`;
  if (fields.dataJson !== undefined) frame += `,"data":${fields.dataJson}`;
  if (fields.error !== undefined) frame += `,"error":${JSON.stringify(fields.error)}`;
  return `${frame},"timestamp":${Date.now()}}`;
}
