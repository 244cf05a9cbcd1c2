import { log } from "../log.ts";

/** The registry cannot be reached. This is not the answer "no": the HTTP API answers 503, and the client retries. */
export class RegistryUnavailable extends Error {
  constructor(cause: unknown) {
    super("the registry cannot be reached; try again shortly", { cause });
  }
}

/** Runs a D1 query. Any failure is thrown as {@link RegistryUnavailable}. */
export async function query<T>(run: Promise<T>): Promise<T> {
  try {
    return await run;
  } catch (cause) {
    log.error("a query of the registry failed", { error: cause });
    throw new RegistryUnavailable(cause);
  }
}
