import { createContext, createSignal, type JSX, type ParentProps, Show, Suspense, useContext } from "solid-js";

/** Makes a dialog; `close` removes it. */
export type DialogMaker = (close: () => void) => JSX.Element;

const DialogContext = createContext<(make: DialogMaker) => void>();

/** The place of the one dialog that is open, whichever component has asked for it. */
export function DialogHost(props: ParentProps) {
  const [make, setMake] = createSignal<DialogMaker>();
  return (
    <DialogContext.Provider value={(next) => setMake(() => next)}>
      {props.children}
      <Show when={make()} keyed>
        {(makeDialog) => (
          // A dialog may have to be loaded first. The page behind it stays.
          <Suspense>{makeDialog(() => setMake(undefined))}</Suspense>
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
