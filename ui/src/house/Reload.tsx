import { createEffect, createSignal, on, onCleanup, Show } from "solid-js";
import { rescueFocus } from "../components/focus.ts";
import { Icon } from "../components/Icon.tsx";
import { useLiveView } from "../useLive.ts";
import { reloadReason, setReloadReason } from "./reloadReason.ts";
import { isNewerThere } from "./version.ts";

const words = {
  newer: "A new version of the dashboard is here",
  missing: "This part of the page could not be loaded",
} as const;

/**
 * Says that the page should be loaded again. The page never does it by itself, because something may be typed in it. It
 * asks whenever the list has been read: after each reconnect, back in the foreground, and every ten minutes.
 */
export function Reload() {
  const live = useLiveView();
  const [dismissed, setDismissed] = createSignal(false);

  const ask = async () => {
    if (reloadReason() === undefined && !dismissed() && (await isNewerThere())) setReloadReason("newer");
  };
  createEffect(
    on(
      () => live.state.readings,
      () => void ask(),
      { defer: true },
    ),
  );
  onCleanup(() => setReloadReason(undefined));
  const dismiss = () => {
    setDismissed(true);
    setReloadReason(undefined);
    queueMicrotask(rescueFocus);
  };

  return (
    <Show when={reloadReason()}>
      {(reason) => (
        <p class="toast">
          <span>{words[reason()]}.</span>
          <button class="link toast-reload" type="button" onClick={() => location.reload()}>
            Reload
          </button>
          <button class="button quiet toast-close" type="button" aria-label="Close" onClick={dismiss}>
            <Icon name="close" />
          </button>
        </p>
      )}
    </Show>
  );
}
