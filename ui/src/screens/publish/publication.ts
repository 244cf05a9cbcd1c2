import { ApiError, call, read } from "../../api.ts";
import { number, object } from "../../json.ts";

/** What has become of a message. */
export interface Counts {
  /** The subscribers that got it. */
  readonly delivered: number;
  /** The subscribers that were too far behind to get it. */
  readonly dropped: number;
}

/** A message that was sent to all who subscribe to its subject. */
export interface Publication extends Counts {
  readonly subject: string;
  /** JSON as it was typed; empty if the message has no data. */
  readonly data: string;
  /** Only to agents that match all of these label filters; empty: to all. */
  readonly labels: readonly string[];
  /** Unix milliseconds on the manager's clock. */
  readonly at: number;
}

/**
 * Publishes JSON as it was typed. To parse and write it again would change numbers that JavaScript cannot hold, the
 * order of keys, and keys that are there twice.
 * @param data must be valid JSON, or empty
 */
export async function publish(subject: string, data: string, labels: readonly string[]): Promise<Counts> {
  const label = labels.length === 0 ? "" : `,"label":${JSON.stringify(labels)}`;
  const field = data.trim() === "" ? "" : `,"data":${data}`;
  const body = `{"subject":${JSON.stringify(subject)}${label}${field}}`;
  const response = await call("/api/publish", { method: "POST", body });
  return read(response, (answer) => {
    const counts = object(answer, "counts");
    return { delivered: number(counts, "delivered"), dropped: number(counts, "dropped") };
  });
}

/** Why text is not JSON, in the browser's words; undefined if it is, or if it is empty. */
export function jsonProblem(text: string): string | undefined {
  if (text.trim() === "") return undefined;
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `This is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const explanations: Readonly<Record<string, string>> = {
  invalid_subject:
    "This is not a subject. Write up to 16 words with dots between them, without spaces, * and >, such as fleet.announce.",
  forbidden: "Only agents and the manager may use this subject. Choose one such as fleet.announce.",
  too_many_agents: "More than 10,000 agents match. Add a label that fewer of them have; nobody got the message.",
  payload_too_large: "The message does not fit into a frame: 64 KiB, unless the manager is configured otherwise.",
  hub_unavailable: "A hub could not be reached. Some agents may have got the message, and others not.",
  unreachable: "The manager did not answer. The message may have been sent or not.",
};

/** Why a publication failed, and what to do. */
export function explainFailure(error: Error): string {
  return (error instanceof ApiError ? explanations[error.code] : undefined) ?? error.message;
}
