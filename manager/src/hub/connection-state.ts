/**
 * The stored state of a connection: the attachment of its socket, or the row of its HTTP lease. It outlives the hub's
 * memory. Other versions of this code write and read it too (docs/STORAGE.md "Versions"), so it is parsed when it is
 * read.
 */
import { z } from "zod";
import type { Settings } from "../config.ts";
import { NamedHost } from "../presence/host.ts";
import type { Admission } from "../registry/admission.ts";
import { StoredAdmission } from "../registry/admission-header.ts";
import { CreditWindow, FRESH_CREDIT } from "./credit.ts";

/** The version of the stored state. Version 0 had no `v`, no `terms` and no alignment. A field added later needs a default. */
const VERSION = 1;

/** The values in a connection's welcome. They stay valid as long as the connection lasts. */
export const Terms = z.object({
  heartbeatIntervalMs: z.number(),
  leaseMs: z.number(),
  maxFrameBytes: z.number(),
  messagesPerSecond: z.number(),
  bytesPerSecond: z.number(),
});
export type Terms = Readonly<z.infer<typeof Terms>>;

export interface ConnectionState {
  readonly v: number;
  readonly id: string;
  readonly admission: Admission;
  /** Unix milliseconds, like every time here. */
  readonly connectedAt: number;
  lastMessageAt: number;
  /** Set when the agent registers: from then on the agent is online. */
  registered: NamedHost | null;
  rttMs: number | null;
  skewMs: number | null;
  badFrames: number;
  droppedReplies: number;
  patterns: readonly string[];
  credit: CreditWindow;
  /** Whether the agent beats in its hub's window. */
  isAligned: boolean;
  /** From this time on its beats belong into the window. Its first beat comes at once. */
  alignedFrom: number;
  /** Whether the registry, or the outbox, has the beginning of the connection. */
  arrivalStored: boolean;
  /** The hub has closed the socket and recorded the reason. The close event that follows changes nothing. */
  ended: boolean;
  /** Null if an older version wrote the state: it did not store the terms. Then the present settings hold. */
  terms: Terms | null;
}

const Stored: z.ZodType<ConnectionState> = z.object({
  v: z.number().default(0),
  id: z.string(),
  admission: StoredAdmission,
  connectedAt: z.number(),
  lastMessageAt: z.number(),
  registered: NamedHost.nullable(),
  rttMs: z.number().nullable(),
  skewMs: z.number().nullable(),
  badFrames: z.number(),
  droppedReplies: z.number(),
  patterns: z.array(z.string()),
  credit: CreditWindow,
  isAligned: z.boolean().default(false),
  alignedFrom: z.number().default(0),
  // An earlier release put every beginning into the outbox at once.
  arrivalStored: z.boolean().default(true),
  ended: z.boolean(),
  terms: Terms.nullable().default(null),
});

/** The state of a connection that has just begun. */
export function newState(id: string, admission: Admission, terms: Terms): ConnectionState {
  const now = Date.now();
  const { labels: _, ...kept } = admission;
  return {
    v: VERSION,
    id,
    admission: kept,
    connectedAt: now,
    lastMessageAt: now,
    registered: null,
    rttMs: null,
    skewMs: null,
    badFrames: 0,
    droppedReplies: 0,
    patterns: [],
    credit: FRESH_CREDIT,
    isAligned: false,
    alignedFrom: 0,
    arrivalStored: false,
    ended: false,
    terms,
  };
}

/** Parses a state stored by any version; null if this version cannot read it. */
export function parseState(stored: unknown): ConnectionState | null {
  const parsed = Stored.safeParse(stored);
  // When this code stores the state again, it stores it in the form of this version.
  return parsed.success ? { ...parsed.data, v: VERSION } : null;
}

/** The terms of a connection that version 0 stored. It was allowed 100 messages a second; the rest is as it is now. */
export function termsWithoutVersion(present: Terms): Terms {
  return { ...present, messagesPerSecond: Math.max(present.messagesPerSecond, 100) };
}

/** The terms in a welcome that is sent now. */
export function termsOf(settings: Settings): Terms {
  const { heartbeatIntervalMs, leaseMs, maxFrameBytes, messagesPerSecond, bytesPerSecond } = settings;
  return { heartbeatIntervalMs, leaseMs, maxFrameBytes, messagesPerSecond, bytesPerSecond };
}

/** Whether two welcomes have the same values. */
export function sameTerms(a: Terms, b: Terms): boolean {
  return Terms.keyof().options.every((name) => a[name] === b[name]);
}
