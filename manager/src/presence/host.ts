/** The description of a host, which its agent sends when it registers. */
import { z } from "zod";

export const Host = z.object({
  /** The agent's release. */
  version: z.string(),
  os: z.string(),
  arch: z.string(),
  hostname: z.string(),
});
export type Host = Readonly<z.infer<typeof Host>>;

/** A host, and its agent's name in the dashboard. */
export const NamedHost = z.object({ name: z.string(), host: Host });
export type NamedHost = Readonly<z.infer<typeof NamedHost>>;
