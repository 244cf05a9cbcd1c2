import { createHash, createHmac } from "node:crypto";
import { readDevVars } from "../stack/dev-vars.ts";

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A JWT signed with the manager's own secret: the signature is valid, the claims may not be. */
export async function signedToken(header: object, claims: object): Promise<string> {
  const secret = (await readDevVars()).JWT_SECRET ?? "";
  const kid = createHash("sha256").update(`kid of ${secret}`).digest("hex").slice(0, 16);
  const body = `${encode({ alg: "HS256", kid, ...header })}.${encode(claims)}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

/** A JWT without a signature. */
export function unsignedToken(header: object, claims: object): string {
  return `${encode({ ...header, alg: "none" })}.${encode(claims)}.`;
}
