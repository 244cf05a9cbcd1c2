/**
 * Parses JSON from a column of the registry. Other versions of this code write it too, so an unreadable value counts as
 * null.
 */
import type { z } from "zod";
import { log } from "../log.ts";

/** @param column the table and column, for the log */
export function parseColumn<T>(schema: z.ZodType<T>, text: string | null, column: string): T | null {
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // The text may contain private data, so the log gets only the name of the column.
    log.error("a value in the registry cannot be read", { column });
    return null;
  }
}
