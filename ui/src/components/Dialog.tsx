import { createUniqueId, onCleanup, onMount, type ParentProps, Suspense } from "solid-js";
import { rescueFocus } from "./focus.ts";
import "./Dialog.css";

interface DialogProps {
  title: string;
  /** Wide enough for a table, which scrolls inside the dialog. */
  wide?: boolean;
  onClose: () => void;
}

/**
 * A modal dialog, open while it is rendered. Escape closes it; a click outside does not. The focus returns to the
 * element that had it, or to the screen's heading if that element is gone.
 */
export function Dialog(props: ParentProps<DialogProps>) {
  let dialog!: HTMLDialogElement;
  const titleId = createUniqueId();

  onMount(() => dialog.showModal());
  onCleanup(() => {
    // A dialog returns the focus only if it is closed before it is removed.
    dialog.close();
    queueMicrotask(rescueFocus);
  });

  const onCancel = (event: Event) => {
    event.preventDefault();
    props.onClose();
  };

  return (
    <dialog class="dialog" classList={{ wide: props.wide }} ref={dialog} aria-labelledby={titleId} onCancel={onCancel}>
      <h2 id={titleId}>{props.title}</h2>
      {/* What waits for data leaves the page for a moment. A dialog that did so would no longer be modal. */}
      <Suspense>{props.children}</Suspense>
    </dialog>
  );
}
