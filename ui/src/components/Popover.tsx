import { autoUpdate, computePosition, flip, offset, shift } from "@floating-ui/dom";
import { onCleanup, onMount, type ParentProps } from "solid-js";
import "./Popover.css";

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

  const place = async () => {
    const { x, y } = await computePosition(props.anchor, box, {
      strategy: "fixed",
      placement: "bottom-end",
      middleware: [offset(gap), flip({ padding: margin }), shift({ padding: margin, crossAxis: true })],
    });
    Object.assign(box.style, { left: `${x}px`, top: `${y}px` });
  };

  const onPointerDown = ({ target }: PointerEvent) => {
    if (target instanceof Node && !box.contains(target) && !props.anchor.contains(target)) props.onOutside();
  };

  onMount(() => {
    box.showPopover();
    props.onShown();
    onCleanup(autoUpdate(props.anchor, box, () => void place()));
    document.addEventListener("pointerdown", onPointerDown);
    onCleanup(() => document.removeEventListener("pointerdown", onPointerDown));
  });

  return (
    <div class="popover" popover="manual" ref={box}>
      {props.children}
    </div>
  );
}
