/** A clone: two live hosts with one identity, as the hub reports it and the registry stores it. */

/** One of two hosts that share an identity. */
export interface CloneHost {
  readonly bootId: string;
  readonly address: string | null;
  readonly hostname: string;
  /** When its connection began, or was last replaced by the other host's; Unix milliseconds. */
  readonly seenAt: number;
}

/** Two hosts seen alive with one identity. `first` is the host that was replaced first: it was there before the other. */
export interface CloneReport {
  /** Unix milliseconds. */
  readonly at: number;
  readonly first: CloneHost;
  readonly second: CloneHost;
}
