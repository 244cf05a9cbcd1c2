/** Reads the body of a request with a payload. The payload is cut out as text, so that no parser alters it. */
import type { Context } from "hono";
import type { z } from "zod";
import { MAX_DEPTH, readObject } from "../protocol/json.ts";
import { firstIssue } from "../protocol/payloads.ts";
import { ApiError, invalidJson, unsupportedMediaType } from "./errors.ts";

/** The content types that the validator of the other routes accepts. */
const JSON_TYPE = /^application\/([a-z-.]+\+)?json(;\s*[a-zA-Z0-9-]+=([^;]+))*$/i;

/**
 * Reads a body that is an object with the fields of `schema` and an optional `data`.
 * @returns the fields, and the JSON text of `data`; undefined if there is no `data`
 * @throws ApiError 415, or 400 with the first fault
 */
export async function readMessageBody<T>(
  c: Context,
  schema: z.ZodType<T>,
): Promise<T & { dataJson: string | undefined }> {
  if (!JSON_TYPE.test(c.req.header("Content-Type") ?? "")) throw unsupportedMediaType();
  const text = decodeUtf8(await c.req.arrayBuffer());
  const members = text === null ? "not_json" : readObject(text);
  if (members === "not_json") throw invalidJson();
  if (members === "not_an_object") throw new ApiError(400, "invalid_request", "the body is not a JSON object");
  const fields: Record<string, unknown> = Object.create(null);
  for (const [name, { text, depth }] of members) {
    if (depth > MAX_DEPTH) {
      throw new ApiError(400, "invalid_request", `${name}: is nested more than ${MAX_DEPTH} deep`);
    }
    if (name !== "data") fields[name] = JSON.parse(text);
  }
  const parsed = schema.safeParse({ ...fields });
  if (!parsed.success) throw new ApiError(400, "invalid_request", firstIssue(parsed.error));
  return { ...parsed.data, dataJson: members.get("data")?.text };
}

/** A lenient decoder would alter the payload. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of the bytes; null if they are no UTF-8. */
function decodeUtf8(bytes: ArrayBuffer): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}
