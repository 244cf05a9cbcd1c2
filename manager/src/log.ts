/**
 * The manager's log. Each entry is one line of JSON, and Workers Logs splits it into fields. An entry must hold no
 * secret.
 */

type Level = "info" | "warn" | "error";

/** The hub, agent and connection that an entry is about, and further details. */
export interface LogFields {
  readonly hub?: string | undefined;
  readonly agent?: string | undefined;
  readonly connection?: string | undefined;
  /** Logged with its stack and its causes. */
  readonly error?: unknown;
  readonly [detail: string]: unknown;
}

export class Log {
  readonly #fields: LogFields;

  constructor(fields: LogFields = {}) {
    this.#fields = fields;
  }

  /** A log that adds these fields to each entry. */
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

/** An error as text: its stack, and the stacks of its causes. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? String(error);
  return error.cause === undefined ? own : `${own}\ncaused by ${describe(error.cause)}`;
}
