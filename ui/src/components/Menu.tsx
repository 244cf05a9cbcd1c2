import { createSignal, createUniqueId, lazy, onCleanup, onMount, type ParentProps, Show, Suspense } from "solid-js";
import type { MenuItem } from "./MenuList.tsx";
import "./Menu.css";

interface MenuProps {
  /** What the menu and its button are called. */
  label: string;
  /** Asked when the menu opens, so that no item moves while the operator reaches for it. */
  items: () => readonly MenuItem[];
  onOpen?: (open: boolean) => void;
}

const MenuList = lazy(() => import("./MenuList.tsx"));

/** A button with a menu; its children are its face, three dots without them. */
export function Menu(props: ParentProps<MenuProps>) {
  let button!: HTMLButtonElement;
  const menuId = createUniqueId();
  const [isOpen, setOpen] = createSignal(false);

  const open = (to: boolean) => {
    setOpen(to);
    props.onOpen?.(to);
  };
  // The page opens without the list, which is there before anybody reaches for it.
  onMount(() => void MenuList.preload().catch(() => {}));
  onCleanup(() => {
    if (isOpen()) props.onOpen?.(false);
  });

  return (
    <>
      <button
        ref={button}
        class="button quiet"
        classList={{ "menu-button": props.children === undefined }}
        type="button"
        aria-label={props.label}
        aria-haspopup="menu"
        aria-expanded={isOpen()}
        aria-controls={isOpen() ? menuId : undefined}
        onClick={() => open(!isOpen())}
      >
        {props.children ?? (
          <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <circle cx="3" cy="8" r="1.4" />
            <circle cx="8" cy="8" r="1.4" />
            <circle cx="13" cy="8" r="1.4" />
          </svg>
        )}
      </button>
      <Show when={isOpen()}>
        <Suspense>
          <MenuList id={menuId} label={props.label} items={props.items()} anchor={button} onClose={() => open(false)} />
        </Suspense>
      </Show>
    </>
  );
}
