import { array, number, object, orElse, ShapeError, text } from "../../json.ts";
import { parseRefusal, type Refusal } from "../../tokens/refusal.ts";

/** What an enrolment token should be. */
export interface TokenRequest {
  /** The name of its host, if it is for one; empty for none. */
  readonly name: string;
  readonly ttlSeconds: number;
  readonly maxUses: number;
  /** Those of the hosts that enrol with it. */
  readonly labels: readonly string[];
}

/** A new enrolment token. Times are Unix milliseconds on the manager's clock. */
export interface MintedToken {
  readonly id: string;
  readonly token: string;
  readonly maxUses: number;
  readonly expiresAt: number;
}

const statuses = ["active", "used", "expired", "revoked"] as const;

/** What has become of an enrolment token. */
export interface TokenUse {
  readonly id: string;
  readonly status: (typeof statuses)[number];
  /** How many agents have enrolled with it. */
  readonly uses: number;
  /** The ids of the latest of them that are still there, the newest first. */
  readonly agentIds: readonly string[];
  /** The last host that it refused; null if there was none. */
  readonly lastRefusal: Refusal | null;
}

export function parseMinted(value: unknown): MintedToken {
  const minted = object(value, "token");
  return {
    id: text(minted, "id"),
    token: text(minted, "token"),
    maxUses: number(minted, "maxUses"),
    expiresAt: number(minted, "expiresAt"),
  };
}

export function parseTokenUse(value: unknown): TokenUse {
  const token = object(value, "token");
  const said = text(token, "status");
  const status = statuses.find((known) => known === said);
  if (status === undefined) throw new ShapeError("status is not that of a token");
  const agentIds = array(token.agents, "agents", (agent) => text(object(agent, "agent"), "id"));
  return {
    id: text(token, "id"),
    status,
    uses: number(token, "uses"),
    agentIds,
    lastRefusal: orElse<Refusal | null>(token, "lastRefusal", ({ lastRefusal }) => parseRefusal(lastRefusal), null),
  };
}
