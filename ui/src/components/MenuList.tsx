import { For } from "solid-js";
import { Popover } from "./Popover.tsx";
import { typeAhead } from "./typeAhead.ts";

export interface MenuItem {
  readonly words: string;
  readonly danger?: boolean;
  readonly act: () => void;
}

interface MenuListProps {
  id: string;
  label: string;
  items: readonly MenuItem[];
  /** The menu's button, which gets the focus back. */
  anchor: HTMLButtonElement;
  onClose: () => void;
}

/**
 * The items of an open menu. Arrow keys, Home and End move in it, and letters go to the item that begins with them. Escape,
 * Tab and a click elsewhere close it.
 */
export default function MenuList(props: MenuListProps) {
  let list!: HTMLDivElement;
  // They stay as they were when the menu was opened.
  const { items } = props;
  const typed = typeAhead(items.map(({ words }) => words));

  const choose = (act: () => void) => {
    props.onClose();
    // A dialog that opens now returns the focus to the element that had it.
    props.anchor.focus();
    act();
  };

  const buttons = () => [...list.querySelectorAll<HTMLElement>("[role=menuitem]")];

  const onKeyDown = (event: KeyboardEvent) => {
    const { key, ctrlKey, altKey, metaKey } = event;
    const all = buttons();
    const at = document.activeElement instanceof HTMLElement ? all.indexOf(document.activeElement) : -1;
    const isLetter = key.length === 1 && key !== " " && !ctrlKey && !altKey && !metaKey;
    const target = isLetter
      ? all[typed(key, at)]
      : {
          ArrowDown: all[(at + 1) % all.length],
          ArrowUp: all.at(at < 1 ? -1 : at - 1),
          Home: all[0],
          End: all.at(-1),
        }[key];
    if (target) target.focus();
    else if (key === "Escape") choose(() => {});
    else {
      if (key === "Tab") props.onClose();
      return;
    }
    event.preventDefault();
    // Escape closes the menu alone, not what it is in.
    event.stopPropagation();
  };

  return (
    <Popover
      anchor={props.anchor}
      onShown={() => buttons()[0]?.focus({ preventScroll: true })}
      onOutside={() => props.onClose()}
    >
      <div
        class="menu"
        role="menu"
        id={props.id}
        tabindex="-1"
        aria-label={props.label}
        ref={list}
        onKeyDown={onKeyDown}
      >
        <For each={items}>
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
  );
}
