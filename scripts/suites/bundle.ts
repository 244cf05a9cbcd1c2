import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/**
 * How large the manager's bundle may be, in bytes after gzip. A hub that wakes in a new place loads all of it first, and a
 * package that brings much with it shows here. It has about 231,000 bytes; most are of zod and of the OpenAPI description.
 */
const MOST_BYTES = 250_000;

/** Returns a line if the bundle that `npm run build` wrote is too large. */
export async function checkBundle(root: string): Promise<string[]> {
  const bytes = gzipSync(await readFile(join(root, "manager/dist/index.js"))).length;
  return bytes <= MOST_BYTES ? [] : [`manager/dist/index.js has ${bytes} bytes after gzip, more than ${MOST_BYTES}`];
}
