/** What an agent says of its host when it registers. */

export interface Host {
  /** The agent's release. */
  readonly version: string;
  readonly os: string;
  readonly arch: string;
  readonly hostname: string;
}

/** A host and the name by which operators know its agent. */
export interface NamedHost {
  readonly name: string;
  readonly host: Host;
}
