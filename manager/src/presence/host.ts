/** What an agent says of its host when it registers. */
import { z } from "zod";

export const Host = z.object({
  /** The agent's release. */
  version: z.string(),
  os: z.string(),
  arch: z.string(),
  hostname: z.string(),
});
export type Host = Readonly<z.infer<typeof Host>>;

/** A host and the name by which operators know its agent. */
export const NamedHost = z.object({ name: z.string(), host: Host });
export type NamedHost = Readonly<z.infer<typeof NamedHost>>;
