import { createSignal } from "solid-js";

/**
 * Why the page should be loaded again: `newer` if the manager has another dashboard, `missing` if a part of this one could
 * not be loaded.
 */
export const [reloadReason, setReloadReason] = createSignal<"newer" | "missing">();
