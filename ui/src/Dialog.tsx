import { createUniqueId, onCleanup, onMount, type ParentProps } from "solid-js";
import "./Dialog.css";

interface DialogProps {
  title: string;
  /** Room for a table, which scrolls within the dialog instead of with it. */
  wide?: boolean;
  onClose: () => void;
}

/** A modal dialog, open for as long as it is rendered. Escape asks to close it; a press beside it does not. */
export function Dialog(props: ParentProps<DialogProps>) {
  let dialog!: HTMLDialogElement;
  const titleId = createUniqueId();

  onMount(() => dialog.showModal());
  // Closing before it leaves the page is what returns the focus to the element that opened it.
  onCleanup(() => dialog.close());

  const onCancel = (event: Event) => {
    event.preventDefault();
    props.onClose();
  };

  return (
    <dialog class="dialog" classList={{ wide: props.wide }} ref={dialog} aria-labelledby={titleId} onCancel={onCancel}>
      <h2 id={titleId}>{props.title}</h2>
      {props.children}
    </dialog>
  );
}
