import { formatCount } from "../../components/format.ts";
import type { TokenUse } from "./token.ts";

/** How far the enrolment of a token's hosts is. */
export interface Wait {
  readonly status: TokenUse["status"];
  readonly maxUses: number;
  /** How many hosts have enrolled. */
  readonly uses: number;
  /** How many of those are still there, and how many are online. */
  readonly known: number;
  readonly online: number;
}

interface Progress {
  readonly tone: "waiting" | "arrived" | "failed";
  readonly words: string;
}

const ends = { active: "", used: "", expired: " The token has expired.", revoked: " The token is revoked." } as const;

/** The state of the wait in words. */
export function describeWait(wait: Wait): Progress {
  const { status, maxUses, uses } = wait;
  if (uses > 0) return maxUses === 1 ? describeHost(wait) : describeHosts(wait);
  if (status === "expired") return { tone: "failed", words: "The token has expired, and no host has used it." };
  if (status === "revoked") return { tone: "failed", words: "The token is revoked, and no host has used it." };
  return { tone: "waiting", words: maxUses === 1 ? "Waiting for the host…" : "Waiting for the first host…" };
}

function describeHost({ known, online }: Wait): Progress {
  if (online > 0) return { tone: "arrived", words: "The host is online ✓" };
  if (known > 0) return { tone: "waiting", words: "The host has enrolled, but is not online." };
  return { tone: "failed", words: "A host has used the token, and has been removed since." };
}

function describeHosts({ status, maxUses, uses, online }: Wait): Progress {
  const counts = `${formatCount(uses)} of ${formatCount(maxUses)} hosts have enrolled, ${formatCount(online)} online.`;
  return { tone: online >= uses ? "arrived" : "waiting", words: counts + ends[status] };
}
