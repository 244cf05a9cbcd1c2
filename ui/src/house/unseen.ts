import { createRoot, createSignal } from "solid-js";

/** How many agents were lost since somebody last looked at the page. */
export const [unseenLosses, setUnseenLosses] = createRoot(() => createSignal(0));
