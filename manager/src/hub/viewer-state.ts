/**
 * The stored state of a viewer's socket: its attachment, which outlives the hub's memory. Other versions of this code
 * write and read it too (docs/STORAGE.md "Versions"), so it is parsed when it is read.
 */
import { z } from "zod";
import type { Settings } from "../config.ts";
import type { Viewer } from "../registry/viewer-header.ts";
import { CREDIT_WINDOW, CreditWindow, FRESH_CREDIT } from "./credit.ts";

/** The version of the stored state. A field added later needs a default. */
const VERSION = 1;

/** The values in a viewer's welcome. They stay valid as long as its socket lasts. */
const ViewerTerms = z.object({
  shards: z.number(),
  heartbeatIntervalMs: z.number(),
  leaseMs: z.number(),
  maxFrameBytes: z.number(),
});
export type ViewerTerms = Readonly<z.infer<typeof ViewerTerms>>;

export interface ViewerState {
  readonly v: number;
  /** The connection id, which is in its inboxes. */
  readonly id: string;
  /** The dashboard's session, and when it ends if nobody uses it until then; null for HTTP Basic. */
  session: { readonly idHash: string; readonly endsAt: number } | null;
  /** A hash of the password that admitted the viewer. */
  readonly passwordHash: string;
  /** Unix milliseconds, like every time here. */
  readonly connectedAt: number;
  lastMessageAt: number;
  badFrames: number;
  patterns: readonly string[];
  credit: CreditWindow;
  /** The bytes of its credit window, as its welcome said. */
  readonly creditBytes: number;
  /** A frame did not fit into its credit window. It gets nothing more until it has caught up. */
  isBehind: boolean;
  readonly terms: ViewerTerms;
}

const Stored: z.ZodType<ViewerState> = z.object({
  v: z.number(),
  id: z.string(),
  session: z.object({ idHash: z.string(), endsAt: z.number() }).nullable(),
  passwordHash: z.string(),
  connectedAt: z.number(),
  lastMessageAt: z.number(),
  badFrames: z.number(),
  patterns: z.array(z.string()),
  credit: CreditWindow,
  // An earlier release gave every viewer this window.
  creditBytes: z.number().default(CREDIT_WINDOW.bytes),
  isBehind: z.boolean(),
  terms: ViewerTerms,
});

/** The state of a viewer that has just connected. */
export function newViewerState(viewer: Viewer, terms: ViewerTerms, creditBytes: number): ViewerState {
  const now = Date.now();
  return {
    v: VERSION,
    id: viewer.connectionId,
    session: viewer.session,
    passwordHash: viewer.passwordHash,
    connectedAt: now,
    lastMessageAt: now,
    badFrames: 0,
    patterns: [],
    credit: FRESH_CREDIT,
    creditBytes,
    isBehind: false,
    terms,
  };
}

/** Parses a state stored by any version; null if this version cannot read it. */
export function parseViewerState(stored: unknown): ViewerState | null {
  const parsed = Stored.safeParse(stored);
  // When this code stores the state again, it stores it in the form of this version.
  return parsed.success ? { ...parsed.data, v: VERSION } : null;
}

/** The terms in a welcome that is sent now. */
export function viewerTermsOf(settings: Settings): ViewerTerms {
  const { hubShards, heartbeatIntervalMs, leaseMs, maxFrameBytes } = settings;
  return { shards: hubShards, heartbeatIntervalMs, leaseMs, maxFrameBytes };
}

/** Whether two welcomes have the same values. */
export function sameViewerTerms(a: ViewerTerms, b: ViewerTerms): boolean {
  return ViewerTerms.keyof().options.every((name) => a[name] === b[name]);
}
