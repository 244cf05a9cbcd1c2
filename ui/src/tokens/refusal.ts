import { number, object, orNull, text } from "../json.ts";

/** The last host that showed an enrolment token and was refused. */
export interface Refusal {
  readonly code: string;
  /** Unix milliseconds on the manager's clock. */
  readonly at: number;
  readonly address: string | null;
  readonly hostname: string | null;
}

export function parseRefusal(value: unknown): Refusal {
  const refusal = object(value, "lastRefusal");
  return {
    code: text(refusal, "code"),
    at: number(refusal, "at"),
    address: orNull(refusal, "address", text),
    hostname: orNull(refusal, "hostname", text),
  };
}

const reasons: Readonly<Record<string, string>> = {
  enrolment_used: "the token has been used by as many hosts as it is for",
  enrolment_revoked: "the token is revoked",
  token_expired: "the token has expired",
  agent_removed: "this host was removed; enrol it with another token",
  agent_revoked: "this host is revoked; enrol it with another token",
  invalid_data: "with the labels of the token it would have more than 16",
  unsupported_protocol: "its agent speaks another protocol than this manager; update it",
};

/** Why a host was refused, as the end of a sentence. */
export function explainRefusal({ code }: Refusal): string {
  return reasons[code] ?? code.replaceAll("_", " ");
}
