/**
 * The credit window of one subscriber: docs/PROTOCOL.md "Fan-out". The runtime shows no buffered amount of a socket, so
 * what an agent has not acknowledged is taken to be on its way, and no more than a window of it ever is.
 */
import { z } from "zod";

/** Unacknowledged frames, and bytes of them, that a subscriber may have. */
export const CREDIT_WINDOW = { frames: 256, bytes: 1_048_576 } as const;

export const Totals = z.object({ frames: z.number(), bytes: z.number() });
export type Totals = Readonly<z.infer<typeof Totals>>;

/** Totals of one connection; part of what survives hibernation. */
export const CreditWindow = z.object({
  delivered: Totals,
  acknowledged: Totals,
  /** Frames that the window had no room for. */
  dropped: z.number(),
});
export type CreditWindow = Readonly<z.infer<typeof CreditWindow>>;

const NONE: Totals = { frames: 0, bytes: 0 };

export const FRESH_CREDIT: CreditWindow = { delivered: NONE, acknowledged: NONE, dropped: 0 };

export function unacknowledged({ delivered, acknowledged }: CreditWindow): Totals {
  return { frames: delivered.frames - acknowledged.frames, bytes: delivered.bytes - acknowledged.bytes };
}

/** The credit after a frame of `bytes` was delivered; null when the window has no room for it. */
export function spend(credit: CreditWindow, bytes: number): CreditWindow | null {
  const open = unacknowledged(credit);
  // A frame larger than what is left of the byte window still goes when nothing else is on its way.
  const fits = open.frames === 0 || open.bytes + bytes <= CREDIT_WINDOW.bytes;
  if (open.frames >= CREDIT_WINDOW.frames || !fits) return null;
  const { frames, bytes: before } = credit.delivered;
  return { ...credit, delivered: { frames: frames + 1, bytes: before + bytes } };
}

/**
 * The credit after the agent said how much it has had in all; it can neither take back nor run ahead of what was sent.
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
