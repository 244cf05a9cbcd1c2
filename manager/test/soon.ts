/** How long a busy machine may take for what takes no time: longer than the default of `vi.waitFor`, which is 1 s. */
export const SOON = { timeout: 30_000, interval: 5 };
