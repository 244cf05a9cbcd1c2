import { createMemo, createSignal, createUniqueId, For, on, onCleanup, type ParentProps, Show } from "solid-js";
import { loadPositions, Popover } from "./Popover.tsx";
import "./Menu.css";

export interface MenuItem {
  readonly words: string;
  readonly danger?: boolean;
  readonly act: () => void;
}

interface MenuProps {
  /** What the menu and its button are called. */
  label: string;
  /** Asked when the menu opens, so that no item moves while the operator reaches for it. */
  items: () => readonly MenuItem[];
  onOpen?: (open: boolean) => void;
}

/** A button with a menu; its children are its face, three dots without them. Arrow keys, Home and End move in it; Escape, Tab and a click elsewhere close it. */
export function Menu(props: ParentProps<MenuProps>) {
  let button!: HTMLButtonElement;
  let list: HTMLDivElement | undefined;
  const menuId = createUniqueId();
  const [isOpen, setOpen] = createSignal(false);
  const items = createMemo(on(isOpen, (open) => (open ? props.items() : [])));

  const open = (to: boolean) => {
    setOpen(to);
    props.onOpen?.(to);
  };
  onCleanup(() => {
    if (isOpen()) props.onOpen?.(false);
  });

  const choose = (act: () => void) => {
    open(false);
    // A dialog that opens now returns the focus to the element that had it.
    button.focus();
    act();
  };

  const prepare = () => void loadPositions().catch(() => {});

  const buttons = () => [...(list?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];

  const onKeyDown = (event: KeyboardEvent) => {
    const all = buttons();
    const at = document.activeElement instanceof HTMLElement ? all.indexOf(document.activeElement) : -1;
    const target = {
      ArrowDown: all[(at + 1) % all.length],
      ArrowUp: all.at(at < 1 ? -1 : at - 1),
      Home: all[0],
      End: all.at(-1),
    }[event.key];
    if (target) target.focus();
    else if (event.key === "Escape") choose(() => {});
    else {
      if (event.key === "Tab") open(false);
      return;
    }
    event.preventDefault();
    // Escape closes the menu alone, not what it is in.
    event.stopPropagation();
  };

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
        onPointerEnter={prepare}
        onFocus={prepare}
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
        <Popover
          anchor={button}
          onShown={() => buttons()[0]?.focus({ preventScroll: true })}
          onOutside={() => open(false)}
        >
          <div
            class="menu"
            role="menu"
            id={menuId}
            tabindex="-1"
            aria-label={props.label}
            ref={list}
            onKeyDown={onKeyDown}
          >
            <For each={items()}>
              {(item) => (
                <button
                  class="menu-item"
                  classList={{ danger: item.danger }}
                  role="menuitem"
                  type="button"
                  tabindex="-1"
                  onClick={() => choose(item.act)}
                >
                  <bdi>{item.words}</bdi>
                </button>
              )}
            </For>
          </div>
        </Popover>
      </Show>
    </>
  );
}
