import { ConfirmDialog } from "../../components/ConfirmDialog.tsx";
import { useDialogs } from "../../components/dialogs.tsx";
import { useLeave } from "../../session.ts";
import { logOutEverywhere } from "./maintenance.ts";
import { Section } from "./Section.tsx";

export function Sessions() {
  const open = useDialogs();
  const leave = useLeave();
  const ask = () =>
    open((close) => (
      <ConfirmDialog
        title="Log out everywhere?"
        action="Log out everywhere"
        danger
        act={logOutEverywhere}
        onDone={leave}
        onClose={close}
      >
        <p>Every session of every operator ends at once, this one too. Agents and scripts are not affected.</p>
      </ConfirmDialog>
    ));

  return (
    <Section title="Sessions">
      <p class="muted">If a device was lost, or somebody may have used a session that is not theirs.</p>
      <button class="button" type="button" onClick={ask}>
        Log out everywhere…
      </button>
    </Section>
  );
}
