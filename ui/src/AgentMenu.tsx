import { createEffect, createMemo, createUniqueId, on, onCleanup, Show } from "solid-js";
import { type Agent, isOnline, isRevoked } from "./agent.ts";
import type { Clone } from "./clone.ts";
import "./AgentMenu.css";

interface AgentMenuProps {
  agent: Agent;
  open: boolean;
  onOpen: (open: boolean) => void;
  onHistory: () => void;
  onRename: () => void;
  onRotate: () => void;
  onSeparate: (clone: Clone) => void;
  onRevoke: () => void;
  onRemove: () => void;
}

/** The menu at the end of a row. Arrow keys, Home and End move in it; Escape, Tab and a click elsewhere close it. */
export function AgentMenu(props: AgentMenuProps) {
  let root!: HTMLDivElement;
  let button!: HTMLButtonElement;
  const menuId = createUniqueId();

  // Computed when the menu opens, so that no item moves while the operator reaches for it.
  const offers = createMemo(
    on(
      () => props.open,
      () => ({ rotate: isOnline(props.agent), separate: props.agent.clone, revoke: !isRevoked(props.agent) }),
    ),
  );

  const items = () => [...root.querySelectorAll<HTMLElement>("[role=menuitem]")];

  const choose = (act: () => void) => {
    props.onOpen(false);
    // The dialog that opens now returns the focus to the element that had it.
    button.focus();
    act();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const all = items();
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
      if (event.key === "Tab") props.onOpen(false);
      return;
    }
    event.preventDefault();
  };

  createEffect(() => {
    if (!props.open) return;
    items()[0]?.focus();
    const onPointerDown = (event: PointerEvent) => {
      if (event.target instanceof Node && !root.contains(event.target)) props.onOpen(false);
    };
    document.addEventListener("pointerdown", onPointerDown);
    onCleanup(() => document.removeEventListener("pointerdown", onPointerDown));
  });

  return (
    <div class="menu-anchor" ref={root}>
      <button
        ref={button}
        class="button quiet menu-button"
        type="button"
        aria-label={`Actions for ${props.agent.name}`}
        aria-haspopup="menu"
        aria-expanded={props.open}
        aria-controls={props.open ? menuId : undefined}
        onClick={() => props.onOpen(!props.open)}
      >
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <circle cx="3" cy="8" r="1.4" />
          <circle cx="8" cy="8" r="1.4" />
          <circle cx="13" cy="8" r="1.4" />
        </svg>
      </button>
      <Show when={props.open}>
        <div
          class="menu"
          role="menu"
          id={menuId}
          tabindex="-1"
          aria-label={`Actions for ${props.agent.name}`}
          onKeyDown={onKeyDown}
        >
          <button role="menuitem" type="button" tabindex="-1" onClick={() => choose(props.onHistory)}>
            History
          </button>
          <button role="menuitem" type="button" tabindex="-1" onClick={() => choose(props.onRename)}>
            Rename…
          </button>
          <Show when={offers().rotate}>
            <button role="menuitem" type="button" tabindex="-1" onClick={() => choose(props.onRotate)}>
              Rotate token…
            </button>
          </Show>
          <Show when={offers().separate} keyed>
            {(clone) => (
              <button role="menuitem" type="button" tabindex="-1" onClick={() => choose(() => props.onSeparate(clone))}>
                Give the copy its own identity…
              </button>
            )}
          </Show>
          <Show when={offers().revoke}>
            <button class="danger" role="menuitem" type="button" tabindex="-1" onClick={() => choose(props.onRevoke)}>
              Revoke…
            </button>
          </Show>
          <button class="danger" role="menuitem" type="button" tabindex="-1" onClick={() => choose(props.onRemove)}>
            Remove…
          </button>
        </div>
      </Show>
    </div>
  );
}
