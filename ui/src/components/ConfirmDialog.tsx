import { useMutation } from "@tanstack/solid-query";
import { createSignal, createUniqueId, onMount, type ParentProps, Show } from "solid-js";
import { Dialog } from "./Dialog.tsx";

interface ConfirmDialogProps<T> {
  title: string;
  /** The words on the button that does it. */
  action: string;
  /** What it does cannot be undone. */
  danger?: boolean;
  /** What the operator has to type first, so that nobody confirms by habit. */
  typed?: string;
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
  let field: HTMLInputElement | undefined;
  const fieldId = createUniqueId();
  const [typed, setTyped] = createSignal("");
  const isConfirmed = () => props.typed === undefined || typed().trim() === props.typed;

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

  // What changes nothing has the focus first. The dialog is open by then.
  onMount(() => queueMicrotask(() => (field ?? close).focus()));

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (isConfirmed() && !doing.isPending) doing.mutate();
  };

  return (
    <Dialog title={props.title} onClose={props.onClose}>
      {props.children}
      <p class="success" role="status">
        {done()}
      </p>
      <form class="dialog-confirmation" onSubmit={submit}>
        <Show when={!doing.isSuccess && props.typed}>
          {(words) => (
            <div class="field">
              <label for={fieldId}>
                Type <code>{words()}</code> to confirm
              </label>
              <input
                id={fieldId}
                ref={field}
                type="text"
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
                value={typed()}
                onInput={(event) => setTyped(event.currentTarget.value)}
              />
            </div>
          )}
        </Show>
        <p class="problem" role="alert">
          {problem()}
        </p>
        <div class="dialog-buttons">
          <button class="button" type="button" ref={close} onClick={() => props.onClose()}>
            {doing.isSuccess ? "Close" : "Cancel"}
          </button>
          <Show when={!doing.isSuccess}>
            {/* A button that is disabled while it works would lose the focus. */}
            <button
              class={`button ${props.danger ? "danger" : "primary"}`}
              type="submit"
              disabled={!isConfirmed()}
              aria-disabled={doing.isPending}
            >
              {props.action}
            </button>
          </Show>
        </div>
      </form>
    </Dialog>
  );
}
