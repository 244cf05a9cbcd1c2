import { useMutation } from "@tanstack/solid-query";
import { Dialog } from "../components/Dialog.tsx";
import { DialogButtons } from "../components/DialogButtons.tsx";
import { useLiveView } from "../useLive.ts";
import { AgentName } from "./AgentName.tsx";
import type { Agent } from "./agent.ts";
import { LabelEditor } from "./LabelEditor.tsx";
import { setLabels } from "./labelApi.ts";
import { changedLabels } from "./labelChange.ts";
import { useLabelEdit } from "./labelEdit.ts";
import { mostLabels } from "./labelRules.ts";

/** Edits the labels of one agent. What somebody else changes meanwhile is shown, and kept. */
export default function LabelsDialog(props: { agent: Agent; onClose: () => void }) {
  const live = useLiveView();
  const edit = useLabelEdit();
  const present = () => (live.agent(props.agent.id) ?? props.agent).labels;

  const saving = useMutation(() => ({
    mutationFn: async () => {
      const labels = changedLabels(present(), edit.change());
      if (labels.length > mostLabels) throw new Error(`An agent has at most ${mostLabels} labels.`);
      return setLabels(props.agent.id, labels);
    },
    onSuccess: (agent) => {
      live.apply({ kind: "row", agent });
      props.onClose();
    },
  }));

  const save = () => {
    if (!edit.addTyped()) return;
    if (edit.isEmpty()) props.onClose();
    else saving.mutate();
  };

  return (
    <Dialog title="Labels" onClose={props.onClose}>
      <p>
        <strong>
          <AgentName agent={props.agent} />
        </strong>
      </p>
      <LabelEditor agents={[{ labels: present() }]} edit={edit} />
      <p class="problem" role="alert">
        {saving.error?.message}
      </p>
      <DialogButtons action="Save" isBusy={saving.isPending} onCancel={props.onClose} onAct={save} />
    </Dialog>
  );
}
