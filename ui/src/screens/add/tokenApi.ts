import { call, read } from "../../api.ts";
import { array } from "../../json.ts";
import { type MintedToken, parseMinted, parseTokenUse, type TokenRequest, type TokenUse } from "./token.ts";

/** Mints a token with which hosts can enrol. Fails with status 400 if the manager refuses the name, or with 429. */
export async function mintToken(wanted: TokenRequest): Promise<MintedToken> {
  const { name, ttlSeconds, maxUses } = wanted;
  const body = { ...(name !== "" && { name }), ttlSeconds, maxUses };
  return read(await call("/api/admin/tokens", { method: "POST", body }), parseMinted);
}

/** What has become of an enrolment token; undefined if it is not among the latest. */
export async function readToken(id: string, signal: AbortSignal, unattended: boolean): Promise<TokenUse | undefined> {
  const response = await call("/api/admin/tokens", { signal, unattended });
  return read(response, (body) => array(body, "tokens", parseTokenUse).find((token) => token.id === id));
}

/** No further host can enrol with the token. Fails with `unknown_token`. */
export async function revokeToken(id: string): Promise<void> {
  await call(`/api/admin/tokens/${encodeURIComponent(id)}`, { method: "DELETE" });
}
