import {
  createContext,
  createSignal,
  ErrorBoundary,
  type JSX,
  type ParentProps,
  Show,
  Suspense,
  useContext,
} from "solid-js";
import { isLoadFailure } from "./loadFailure.ts";

/** Makes a dialog; `close` removes it. */
export type DialogMaker = (close: () => void) => JSX.Element;

const DialogContext = createContext<(make: DialogMaker) => void>();

interface DialogHostProps {
  /** A dialog could not be loaded. The page behind it stays, with what was typed there. */
  onNotLoaded: () => void;
}

/** The place of the one dialog that is open, whichever component has asked for it. */
export function DialogHost(props: ParentProps<DialogHostProps>) {
  const [make, setMake] = createSignal<DialogMaker>();
  const failed = (error: unknown) => {
    if (!isLoadFailure(error)) throw error;
    queueMicrotask(() => setMake(undefined));
    props.onNotLoaded();
    return undefined;
  };
  return (
    <DialogContext.Provider value={(next) => setMake(() => next)}>
      {props.children}
      <Show when={make()} keyed>
        {(makeDialog) => (
          // A dialog may have to be loaded first. The page behind it stays.
          <ErrorBoundary fallback={failed}>
            <Suspense>{makeDialog(() => setMake(undefined))}</Suspense>
          </ErrorBoundary>
        )}
      </Show>
    </DialogContext.Provider>
  );
}

/** Opens a dialog: `open((close) => <RenameAgent agent={agent} onClose={close} />)`. */
export function useDialogs(): (make: DialogMaker) => void {
  const open = useContext(DialogContext);
  if (open === undefined) throw new Error("there is no DialogHost here");
  return open;
}
