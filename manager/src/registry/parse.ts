/**
 * Reads JSON that a column of the registry holds. Other versions of this code write it too: what cannot be read counts
 * as absent.
 */
import type { z } from "zod";
import { log } from "../log.ts";

/** @param column where the text comes from, for the log */
export function parseColumn<T>(schema: z.ZodType<T>, text: string | null, column: string): T | null {
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // The text may hold what no log should: only its place is told.
    log.error("a value in the registry cannot be read", { column });
    return null;
  }
}
