/**
 * A viewer is a client of the live feed (docs/API.md "Live feed"). The Worker admits it, and sends this to the hub in a
 * header.
 */
import { z } from "zod";
import { sha256Hex } from "../digest.ts";

export const Viewer = z.object({
  connectionId: z.string(),
  /** The number of the hub, as in `?shard=`. */
  shard: z.number(),
  /** The dashboard's session; null for HTTP Basic. */
  session: z
    .object({
      /** SHA-256 of the session's id and the password, hex: the key of its row. */
      idHash: z.string(),
      /** When the session ends if nobody uses it until then; Unix milliseconds. */
      endsAt: z.number(),
    })
    .nullable(),
  /** A hash of the admin password. If the password changes, the viewer loses access. */
  passwordHash: z.string(),
});
export type Viewer = Readonly<z.infer<typeof Viewer>>;

/**
 * The hash of the admin password in {@link Viewer}. Hubs store it, so it also contains the signing secret: nobody can
 * use a stolen hash to guess the password.
 */
export function passwordHash({ ADMIN_PASSWORD, JWT_SECRET }: Env): Promise<string> {
  return sha256Hex(`zedops viewer\n${JWT_SECRET}\n${ADMIN_PASSWORD}`);
}

export function encodeViewer(viewer: Viewer): string {
  return JSON.stringify(viewer);
}

/** @throws if the header is missing or is not of this form */
export function parseViewer(header: string | null): Viewer {
  return Viewer.parse(JSON.parse(header ?? ""));
}
