/** The manager's log: one line of JSON each, which Workers Logs takes apart into fields. No secret may get into it. */

type Level = "info" | "warn" | "error";

/** What an entry is about, and what else is known of it. */
export interface LogFields {
  readonly hub?: string | undefined;
  readonly agent?: string | undefined;
  readonly connection?: string | undefined;
  /** Written with its stack and its causes. */
  readonly error?: unknown;
  readonly [detail: string]: unknown;
}

export class Log {
  readonly #fields: LogFields;

  constructor(fields: LogFields = {}) {
    this.#fields = fields;
  }

  /** A log whose entries carry these fields too. */
  with(fields: LogFields): Log {
    return new Log({ ...this.#fields, ...fields });
  }

  info(message: string, fields: LogFields = {}): void {
    this.#write("info", message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#write("warn", message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#write("error", message, fields);
  }

  #write(level: Level, message: string, fields: LogFields): void {
    const { error, ...rest } = { ...this.#fields, ...fields };
    console[level](
      JSON.stringify({ level, message, ...rest, ...(error === undefined ? {} : { error: describe(error) }) }),
    );
  }
}

export const log = new Log();

/** An error with its stack, and with the errors that caused it. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? String(error);
  return error.cause === undefined ? own : `${own}\ncaused by ${describe(error.cause)}`;
}
