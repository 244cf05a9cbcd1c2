/** A clone: two live hosts with one identity. The hub reports it, and the registry stores the report. */
import { z } from "zod";

/** One of two hosts that share an identity. */
export const CloneHost = z.object({
  bootId: z.string(),
  address: z.string().nullable(),
  hostname: z.string(),
  /** When its connection was last replaced by the other host; Unix milliseconds. */
  seenAt: z.number(),
});
export type CloneHost = Readonly<z.infer<typeof CloneHost>>;

/** A report of two live hosts with one identity. `first` is the host that was replaced first, so it was there first. */
export const CloneReport = z.object({
  /** Unix milliseconds. */
  at: z.number(),
  first: CloneHost,
  second: CloneHost,
});
export type CloneReport = Readonly<z.infer<typeof CloneReport>>;
