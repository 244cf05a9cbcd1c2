import { useMutation } from "@tanstack/solid-query";
import { onMount, type ParentProps, Show } from "solid-js";
import { Dialog } from "./Dialog.tsx";

interface ConfirmDialogProps<T> {
  title: string;
  /** The words on the button that does it. */
  action: string;
  /** What it does cannot be undone. */
  danger?: boolean;
  act: () => Promise<T>;
  onDone?: (result: T) => void;
  /** What the dialog says afterwards. Without it, the dialog closes. */
  success?: (result: T) => string;
  /** A failure in words; the manager's own by default. */
  explain?: (error: Error) => string;
  onClose: () => void;
}

/** Asks before something is done, and shows how it went. The children say what it does, and to whom. */
export function ConfirmDialog<T>(props: ParentProps<ConfirmDialogProps<T>>) {
  let close!: HTMLButtonElement;

  const doing = useMutation(() => ({
    mutationFn: () => props.act(),
    onSuccess: (result) => {
      props.onDone?.(result);
      if (props.success === undefined) props.onClose();
      else close.focus();
    },
  }));
  const done = () => (doing.isSuccess ? props.success?.(doing.data) : undefined);
  const problem = () => {
    const { error } = doing;
    return error === null ? undefined : (props.explain?.(error) ?? error.message);
  };

  // The button that changes nothing has the focus first.
  onMount(() => close.focus());

  return (
    <Dialog title={props.title} onClose={props.onClose}>
      {props.children}
      <p class="success" role="status">
        {done()}
      </p>
      <p class="problem" role="alert">
        {problem()}
      </p>
      <div class="dialog-buttons">
        <button class="button" type="button" ref={close} onClick={() => props.onClose()}>
          {doing.isSuccess ? "Close" : "Cancel"}
        </button>
        <Show when={!doing.isSuccess}>
          <button
            class={`button ${props.danger ? "danger" : "primary"}`}
            type="button"
            disabled={doing.isPending}
            onClick={() => doing.mutate()}
          >
            {props.action}
          </button>
        </Show>
      </div>
    </Dialog>
  );
}
