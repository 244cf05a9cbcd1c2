/**
 * The credit window of one subscriber: docs/PROTOCOL.md "Fan-out". The runtime does not show how many bytes of a socket
 * are buffered. So frames count as buffered until the agent acknowledges them, and at most one window of them is sent
 * ahead.
 */
import { z } from "zod";

/** The largest number of unacknowledged frames and bytes of one subscriber. */
export const CREDIT_WINDOW = { frames: 256, bytes: 1_048_576 } as const;

/** A client acknowledges after this many frames, and after this share of the bytes. Less may stay unacknowledged for good. */
const CREDIT_STEP = { frames: 64, shareOfBytes: 1 / 4 } as const;

export const Totals = z.object({ frames: z.number(), bytes: z.number() });
export type Totals = Readonly<z.infer<typeof Totals>>;

/** Totals of one connection. They survive hibernation. */
export const CreditWindow = z.object({
  delivered: Totals,
  acknowledged: Totals,
  /** Frames that did not fit into the window. */
  dropped: z.number(),
});
export type CreditWindow = Readonly<z.infer<typeof CreditWindow>>;

const NONE: Totals = { frames: 0, bytes: 0 };

export const FRESH_CREDIT: CreditWindow = { delivered: NONE, acknowledged: NONE, dropped: 0 };

export function unacknowledged({ delivered, acknowledged }: CreditWindow): Totals {
  return { frames: delivered.frames - acknowledged.frames, bytes: delivered.bytes - acknowledged.bytes };
}

/**
 * Whether a client has processed all that was sent, as far as its acknowledgements can tell.
 * @param windowBytes the bytes of its window, as its welcome said
 */
export function hasCaughtUp(credit: CreditWindow, windowBytes: number): boolean {
  const open = unacknowledged(credit);
  return open.frames < CREDIT_STEP.frames && open.bytes < windowBytes * CREDIT_STEP.shareOfBytes;
}

/** The credit after a frame of `bytes` is sent; null if the frame does not fit into the window. */
export function spend(
  credit: CreditWindow,
  bytes: number,
  windowBytes: number = CREDIT_WINDOW.bytes,
): CreditWindow | null {
  const open = unacknowledged(credit);
  // If nothing else is on its way, a frame is sent even if it is larger than the window.
  const fits = open.frames === 0 || open.bytes + bytes <= windowBytes;
  if (open.frames >= CREDIT_WINDOW.frames || !fits) return null;
  const { frames, bytes: before } = credit.delivered;
  return { ...credit, delivered: { frames: frames + 1, bytes: before + bytes } };
}

/**
 * The credit after the agent reported how much it has received in all. A report cannot go below an earlier report, nor
 * above the amount that was sent.
 */
export function acknowledge(credit: CreditWindow, received: Totals): CreditWindow {
  const between = (least: number, most: number, n: number) => Math.min(most, Math.max(least, n));
  const { delivered, acknowledged } = credit;
  return {
    ...credit,
    acknowledged: {
      frames: between(acknowledged.frames, delivered.frames, received.frames),
      bytes: between(acknowledged.bytes, delivered.bytes, received.bytes),
    },
  };
}
