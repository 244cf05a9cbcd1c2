import { log } from "../log.ts";

/**
 * The registry could not be asked, which is not the same as "no". Whoever catches this answers 503, and the caller
 * retries.
 */
export class RegistryUnavailable extends Error {
  constructor(cause: unknown) {
    super("the registry cannot be reached; try again shortly", { cause });
  }
}

/** Runs a D1 query; any failure of it becomes {@link RegistryUnavailable}. */
export async function query<T>(run: Promise<T>): Promise<T> {
  try {
    return await run;
  } catch (cause) {
    log.error("registry query failed", { error: cause });
    throw new RegistryUnavailable(cause);
  }
}
