import { createUniqueId, type JSX, onCleanup, onMount, type ParentProps, Show } from "solid-js";
import { rescueFocus } from "./focus.ts";
import { Icon } from "./Icon.tsx";
import { useIsNarrow } from "./narrow.ts";
import "./Drawer.css";

interface DrawerProps {
  title: JSX.Element;
  /** Where a narrow window goes back to, such as "Agents". */
  from: string;
  onClose: () => void;
}

/**
 * Something of the screen's list, beside the list on wide windows, instead of it on narrow ones. It has a URL of its own,
 * and is open while it is rendered. Escape closes it.
 */
export function Drawer(props: ParentProps<DrawerProps>) {
  let drawer!: HTMLElement;
  const titleId = createUniqueId();
  const isNarrow = useIsNarrow();
  const before = document.activeElement;

  onMount(() => drawer.focus({ preventScroll: true }));
  onCleanup(() => {
    const hadFocus = drawer.contains(document.activeElement);
    queueMicrotask(() => {
      if (hadFocus && before instanceof HTMLElement) before.focus({ preventScroll: true });
      rescueFocus();
    });
  });

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    props.onClose();
  };

  return (
    <section class="drawer" aria-labelledby={titleId} tabindex="-1" ref={drawer} onKeyDown={onKeyDown}>
      <div class="drawer-head">
        {/* The screen's own heading is behind. */}
        <Show when={isNarrow()}>
          <h1 class="visually-hidden">{props.from}</h1>
        </Show>
        <h2 class="cut" id={titleId}>
          {props.title}
        </h2>
        <button
          class="button quiet drawer-close"
          type="button"
          aria-label={isNarrow() ? `Back to ${props.from}` : "Close"}
          onClick={() => props.onClose()}
        >
          <Show when={isNarrow()} fallback={<Icon name="close" />}>
            <Icon name="back" />
          </Show>
        </button>
      </div>
      <div class="drawer-body">{props.children}</div>
    </section>
  );
}
