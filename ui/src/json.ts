/** A JSON object whose fields are not checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A field of a response is missing or has the wrong type; the message names it. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

/** Undefined if `parse` throws: one bad item must not cost the others. */
export function tryParse<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function object(value: unknown, what: string): JsonObject {
  if (!isObject(value)) throw new ShapeError(`${what} is not an object`);
  return value;
}

export function array<T>(value: unknown, what: string, parse: (item: unknown) => T): T[] {
  if (!Array.isArray(value)) throw new ShapeError(`${what} is not an array`);
  return value.map(parse);
}

export function text(from: JsonObject, field: string): string {
  const value = from[field];
  if (typeof value !== "string") throw new ShapeError(`${field} is not a string`);
  return value;
}

export function texts(from: JsonObject, field: string): string[] {
  return array(from[field], field, (item) => {
    if (typeof item !== "string") throw new ShapeError(`${field} is not an array of strings`);
    return item;
  });
}

export function number(from: JsonObject, field: string): number {
  const value = from[field];
  if (typeof value !== "number") throw new ShapeError(`${field} is not a number`);
  return value;
}

/** The farthest moment from 1970 that a `Date` can hold, in ms. */
const mostMs = 8.64e15;

/** Unix milliseconds. */
export function time(from: JsonObject, field: string): number {
  const value = number(from, field);
  if (Math.abs(value) > mostMs) throw new ShapeError(`${field} is not a time`);
  return value;
}

/** Null if the field is null; every other value goes to `read`. */
export function orNull<T>(from: JsonObject, field: string, read: (from: JsonObject, field: string) => T): T | null {
  return from[field] === null ? null : read(from, field);
}

/** An older manager does not send the field: `absent` stands for it. Null is read as absent too. */
export function orElse<T>(from: JsonObject, field: string, read: (from: JsonObject, field: string) => T, absent: T): T {
  return from[field] === undefined || from[field] === null ? absent : read(from, field);
}
