/** A clone: two live hosts with one identity, as the hub reports it and the registry stores it. */
import { z } from "zod";

/** One of two hosts that share an identity. */
export const CloneHost = z.object({
  bootId: z.string(),
  address: z.string().nullable(),
  hostname: z.string(),
  /** When its connection began, or was last replaced by the other host's; Unix milliseconds. */
  seenAt: z.number(),
});
export type CloneHost = Readonly<z.infer<typeof CloneHost>>;

/**
 * Two hosts seen alive with one identity. `first` is the host that was replaced first: it was there before the other.
 */
export const CloneReport = z.object({
  /** Unix milliseconds. */
  at: z.number(),
  first: CloneHost,
  second: CloneHost,
});
export type CloneReport = Readonly<z.infer<typeof CloneReport>>;
