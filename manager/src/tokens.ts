/**
 * The two bearer tokens of an agent. Both are JWTs (HS256, JWT_SECRET). They differ in `typ` and `aud`, so neither is
 * accepted in place of the other. This file checks signatures and claims only. The registry decides whether a token is
 * still valid.
 */
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { randomId, sha256Hex } from "./digest.ts";
import type { RefusalCode } from "./protocol/errors.ts";

const ISSUER = "zedops";
const ENROLMENT = { typ: "zedops-enrolment+jwt", aud: "zedops:enrolment" } as const;
const AGENT = { typ: "zedops-agent+jwt", aud: "zedops:agent" } as const;

/** An identifier that this manager makes. */
const Id = z.string().regex(/^[a-z2-7]{20}$/);
const EnrolmentClaims = z.object({ aud: z.literal(ENROLMENT.aud), jti: Id, iat: z.number(), exp: z.number() });
const AgentClaims = z.object({ aud: z.literal(AGENT.aud), sub: Id, jti: z.string(), iat: z.number() });

/** The content of a verified token. `tokenHash` is the SHA-256 of the token, in hex. */
export type Bearer =
  | { readonly kind: "enrolment"; readonly enrolmentId: string; readonly tokenHash: string }
  | {
      readonly kind: "agent";
      readonly agentId: string;
      readonly tokenHash: string;
      /** The id of the key that signed it. */
      readonly keyId: string;
    };

/** A token that is refused. `message` names the failed check, never the token. */
export class TokenError extends Error {
  readonly code: Extract<RefusalCode, "missing_token" | "invalid_token" | "token_expired">;
  /** The enrolment of an expired token whose signature is good; else null. */
  readonly enrolmentId: string | null;

  constructor(code: TokenError["code"], message: string, enrolmentId: string | null = null) {
    super(message);
    this.code = code;
    this.enrolmentId = enrolmentId;
  }
}

/**
 * The secrets for tokens. JWT_SECRET signs and verifies. JWT_SECRET_PREVIOUS only verifies tokens that it signed
 * before.
 */
export type SigningSecrets = Pick<Env, "JWT_SECRET" | "JWT_SECRET_PREVIOUS">;

/** Mints the token of enrolment `id`, good until `expiresAt` (Unix milliseconds, whole seconds). */
export async function mintEnrolmentToken(secrets: SigningSecrets, id: string, expiresAt: number): Promise<string> {
  const { kid, key } = await signingKey(secrets.JWT_SECRET);
  return new SignJWT()
    .setProtectedHeader({ alg: "HS256", typ: ENROLMENT.typ, kid })
    .setIssuer(ISSUER)
    .setAudience(ENROLMENT.aud)
    .setJti(id)
    .setIssuedAt()
    .setExpirationTime(new Date(expiresAt))
    .sign(key);
}

/** Mints a new permanent token of agent `id`. The earlier token becomes void when the registry stores the new hash. */
export async function mintAgentToken(secrets: SigningSecrets, id: string): Promise<string> {
  const { kid, key } = await signingKey(secrets.JWT_SECRET);
  return new SignJWT()
    .setProtectedHeader({ alg: "HS256", typ: AGENT.typ, kid })
    .setIssuer(ISSUER)
    .setAudience(AGENT.aud)
    .setSubject(id)
    .setJti(randomId())
    .setIssuedAt()
    .sign(key);
}

/**
 * Verifies the `Authorization` header of an agent. Times are compared with the manager's clock only.
 * @throws TokenError
 */
export async function verifyBearer(secrets: SigningSecrets, authorization: string | undefined): Promise<Bearer> {
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) {
    throw authorization
      ? new TokenError("invalid_token", "the Authorization header is not a bearer token")
      : new TokenError("missing_token", "an Authorization header with a bearer token is needed");
  }
  try {
    // The unverified header only selects the expected values. jwtVerify then compares the token with all of them.
    const kind = decodeProtectedHeader(token).typ === ENROLMENT.typ ? ENROLMENT : AGENT;
    const { payload, protectedHeader } = await jwtVerify(token, (header) => verificationKey(secrets, header.kid), {
      algorithms: ["HS256"],
      issuer: ISSUER,
      audience: kind.aud,
      typ: kind.typ,
      requiredClaims: kind === ENROLMENT ? ["jti", "iat", "exp"] : ["sub", "jti", "iat"],
    });
    const tokenHash = await sha256Hex(token);
    // The signature proves who made the token, but not that its claims have the right types.
    if (kind === ENROLMENT) return { kind: "enrolment", enrolmentId: EnrolmentClaims.parse(payload).jti, tokenHash };
    // The key was found by its id, so the header has one.
    const keyId = protectedHeader.kid ?? "";
    return { kind: "agent", agentId: AgentClaims.parse(payload).sub, tokenHash, keyId };
  } catch (error) {
    throw refusal(error);
  }
}

/** The ids of the keys in use. */
export async function signingKeyIds(secrets: SigningSecrets): Promise<{ current: string; previous: string | null }> {
  const { JWT_SECRET, JWT_SECRET_PREVIOUS } = secrets;
  const previous = JWT_SECRET_PREVIOUS ? (await signingKey(JWT_SECRET_PREVIOUS)).kid : null;
  return { current: (await signingKey(JWT_SECRET)).kid, previous };
}

/** The id of the key that signed a token of this manager. */
export function keyIdOf(token: string): string {
  return z.string().parse(decodeProtectedHeader(token).kid);
}

function refusal(error: unknown): TokenError {
  if (error instanceof errors.JWTExpired) {
    const claims = EnrolmentClaims.safeParse(error.payload);
    return new TokenError("token_expired", "the token has expired", claims.data?.jti ?? null);
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new TokenError("invalid_token", `the token's ${error.claim} is wrong`);
  }
  if (error instanceof z.ZodError) {
    return new TokenError("invalid_token", `the token's ${error.issues[0]?.path.join(".") ?? "claims"} is wrong`);
  }
  return new TokenError("invalid_token", "the token is not one of this manager's");
}

/** The key with the id `kid`: the current one or the previous one. */
async function verificationKey(secrets: SigningSecrets, kid: string | undefined): Promise<CryptoKey> {
  for (const secret of [secrets.JWT_SECRET, secrets.JWT_SECRET_PREVIOUS]) {
    if (!secret) continue;
    const known = await signingKey(secret);
    if (known.kid === kid) return known.key;
  }
  throw new errors.JWKSNoMatchingKey();
}

/** A secret is imported once per isolate, because an import costs more than a verification. */
const keys = new Map<string, Promise<{ kid: string; key: CryptoKey }>>();

function signingKey(secret: string) {
  let imported = keys.get(secret);
  if (imported === undefined) {
    imported = importKey(secret);
    keys.set(secret, imported);
  }
  return imported;
}

/** A key and its id. The id is part of a digest of the secret: it needs no storage and does not reveal the secret. */
async function importKey(secret: string): Promise<{ kid: string; key: CryptoKey }> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const raw = new TextEncoder().encode(secret);
  const [digest, key] = await Promise.all([
    sha256Hex(`kid of ${secret}`),
    crypto.subtle.importKey("raw", raw, algorithm, false, ["sign", "verify"]),
  ]);
  return { kid: digest.slice(0, 16), key };
}
