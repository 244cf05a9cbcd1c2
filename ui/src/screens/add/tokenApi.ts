import { call, read } from "../../api.ts";
import { type MintedToken, parseMinted, parseTokenUse, type TokenRequest, type TokenUse } from "./token.ts";

const tokenRoute = (id: string) => `/api/admin/tokens/${encodeURIComponent(id)}`;

/** Mints a token with which hosts can enrol. Fails with status 400 if the manager refuses the name, or with 429. */
export async function mintToken(wanted: TokenRequest): Promise<MintedToken> {
  const { name, ttlSeconds, maxUses, labels } = wanted;
  const body = { ...(name !== "" && { name }), ttlSeconds, maxUses, ...(labels.length > 0 && { labels }) };
  return read(await call("/api/admin/tokens", { method: "POST", body }), parseMinted);
}

/** What has become of an enrolment token. */
export async function readToken(id: string, signal: AbortSignal, unattended: boolean): Promise<TokenUse> {
  return read(await call(tokenRoute(id), { signal, unattended }), parseTokenUse);
}

/** No further host can enrol with the token. Fails with `unknown_token`. */
export async function revokeToken(id: string): Promise<void> {
  await call(tokenRoute(id), { method: "DELETE" });
}
