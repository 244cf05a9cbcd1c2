import { onCleanup, onMount, type ParentProps } from "solid-js";
import "./Popover.css";

/** Loads the code that places popovers. The page opens without it; a pointer near a menu's button is soon enough. */
export const loadPositions = () => import("@floating-ui/dom");

/** The distances from the anchor and from the window's edges, in px. */
const gap = 4;
const margin = 8;

interface PopoverProps {
  /** It opens below this element, or above it if there is more room. */
  anchor: HTMLElement;
  /** It can take the focus now. */
  onShown: () => void;
  /** A click outside the popover and its anchor. */
  onOutside: () => void;
}

/** A box in front of the page, open while it is rendered. No scrolling parent cuts it. */
export function Popover(props: ParentProps<PopoverProps>) {
  let box!: HTMLDivElement;

  let stop = () => {};
  onCleanup(() => stop());

  const moveTo = (left: number, top: number) => Object.assign(box.style, { left: `${left}px`, top: `${top}px` });

  const follow = async () => {
    const { autoUpdate, computePosition, flip, offset, shift } = await loadPositions();
    if (!box.isConnected) return;
    const place = async () => {
      const { x, y } = await computePosition(props.anchor, box, {
        strategy: "fixed",
        placement: "bottom-end",
        middleware: [offset(gap), flip({ padding: margin }), shift({ padding: margin })],
      });
      moveTo(x, y);
    };
    stop = autoUpdate(props.anchor, box, () => void place());
  };

  const onPointerDown = ({ target }: PointerEvent) => {
    if (target instanceof Node && !box.contains(target) && !props.anchor.contains(target)) props.onOutside();
  };

  onMount(() => {
    box.showPopover();
    props.onShown();
    // The first place, which is the last one if the code cannot be loaded.
    const { right, bottom } = props.anchor.getBoundingClientRect();
    moveTo(Math.max(margin, right - box.offsetWidth), bottom + gap);
    follow().catch(() => {});
    document.addEventListener("pointerdown", onPointerDown);
    onCleanup(() => document.removeEventListener("pointerdown", onPointerDown));
  });

  return (
    <div class="popover" popover="manual" ref={box}>
      {props.children}
    </div>
  );
}
