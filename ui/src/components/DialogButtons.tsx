/** The last row of a dialog: Cancel, and the dialog's own action. Without `onAct` that button submits the form around it. */
export function DialogButtons(props: { action: string; isBusy: boolean; onCancel: () => void; onAct?: () => void }) {
  return (
    <div class="dialog-buttons">
      <button class="button" type="button" onClick={() => props.onCancel()}>
        Cancel
      </button>
      {/* A button that is disabled while it works would lose the focus. */}
      <button
        class="button primary"
        type={props.onAct ? "button" : "submit"}
        aria-disabled={props.isBusy}
        onClick={() => props.isBusy || props.onAct?.()}
      >
        {props.action}
      </button>
    </div>
  );
}
