import { call, read } from "../../api.ts";
import { array, number, object, orElse, orNull, ShapeError, text, texts, time } from "../../json.ts";
import { parseRefusal, type Refusal } from "../../tokens/refusal.ts";

const statuses = ["active", "used", "expired", "revoked"] as const;

export type TokenStatus = (typeof statuses)[number];

/** An enrolment token, without its secret. Times are Unix milliseconds on the manager's clock. */
export interface Token {
  readonly id: string;
  readonly name: string | null;
  readonly status: TokenStatus;
  readonly maxUses: number;
  /** The agents that enrolled with it. */
  readonly uses: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
  /** The labels that its agents get. */
  readonly labels: readonly string[];
  /** The latest of these agents, the newest first. Some may be removed by now. */
  readonly agents: readonly { readonly id: string; readonly name: string }[];
  /** The last host that it refused; null if there was none. */
  readonly lastRefusal: Refusal | null;
}

function parseToken(value: unknown): Token {
  const token = object(value, "token");
  const status = statuses.find((known) => known === token.status);
  if (status === undefined) throw new ShapeError("status is not that of a token");
  return {
    id: text(token, "id"),
    name: orNull(token, "name", text),
    status,
    maxUses: number(token, "maxUses"),
    uses: number(token, "uses"),
    createdAt: time(token, "createdAt"),
    expiresAt: time(token, "expiresAt"),
    revokedAt: orNull(token, "revokedAt", time),
    labels: orElse<string[]>(token, "labels", texts, []),
    lastRefusal: orElse<Refusal | null>(token, "lastRefusal", ({ lastRefusal }) => parseRefusal(lastRefusal), null),
    agents: array(token.agents, "agents", (item) => {
      const agent = object(item, "agent");
      return { id: text(agent, "id"), name: text(agent, "name") };
    }),
  };
}

/** The status at that time on the manager's clock: a token expires while it is on the screen. */
export function statusAt({ status, expiresAt }: Token, now: number): TokenStatus {
  return status === "active" && expiresAt <= now ? "expired" : status;
}

/** The latest 500 tokens, the newest first. */
export async function listTokens(signal: AbortSignal, unattended: boolean): Promise<Token[]> {
  const response = await call("/api/admin/tokens", { signal, unattended });
  return read(response, (body) => array(body, "tokens", parseToken));
}

/** Fails with `unknown_token`. */
export async function revokeToken(id: string): Promise<void> {
  await call(`/api/admin/tokens/${encodeURIComponent(id)}`, { method: "DELETE" });
}
