/** The registry could not be asked. Never the same as "no": whoever catches this answers 503 and the caller retries. */
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
    console.error("registry query failed", cause);
    throw new RegistryUnavailable(cause);
  }
}
