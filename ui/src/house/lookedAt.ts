import { createSignal, onCleanup } from "solid-js";

const isLookedAt = () => document.visibilityState === "visible" && document.hasFocus();

/** Whether the page is in sight and has the keyboard. A window behind others is in sight too, as the browser sees it. */
export function useLookedAt(): () => boolean {
  const [lookedAt, setLookedAt] = createSignal(isLookedAt());
  const update = () => setLookedAt(isLookedAt());
  document.addEventListener("visibilitychange", update);
  window.addEventListener("focus", update);
  window.addEventListener("blur", update);
  onCleanup(() => {
    document.removeEventListener("visibilitychange", update);
    window.removeEventListener("focus", update);
    window.removeEventListener("blur", update);
  });
  return lookedAt;
}
