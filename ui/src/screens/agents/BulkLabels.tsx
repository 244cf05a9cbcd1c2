import { useMutation } from "@tanstack/solid-query";
import { createMemo, Show } from "solid-js";
import type { Agent } from "../../agents/agent.ts";
import { LabelEditor } from "../../agents/LabelEditor.tsx";
import { useLabelEdit } from "../../agents/labelEdit.ts";
import { mostLabels } from "../../agents/labelRules.ts";
import { Dialog } from "../../components/Dialog.tsx";
import { DialogButtons } from "../../components/DialogButtons.tsx";
import { useLiveView } from "../../useLive.ts";
import { BulkAgents } from "./BulkAgents.tsx";
import { countAgents, useBulkRun } from "./bulkRun.ts";
import type { Selection } from "./selection.ts";

/** Adds labels to all selected agents, and removes keys from them. It shows which labels all or some of them have. */
export default function BulkLabels(props: { selection: Selection; onClose: () => void }) {
  const live = useLiveView();
  // The agents stay the ones that the operator has chosen; their labels are those of now.
  const chosen: readonly Agent[] = [...props.selection.ids()].flatMap((id) => live.roster.get(id)?.agent ?? []);
  const run = useBulkRun(chosen, props.selection);
  const edit = useLabelEdit();
  const agents = createMemo(() => {
    live.changed();
    return run.left().flatMap(({ id }) => live.roster.get(id)?.agent ?? []);
  });

  const saving = useMutation(() => ({
    mutationFn: async () => {
      const { add, remove } = edit.change();
      if (Math.max(add.length, remove.length) > mostLabels) {
        throw new Error(`At most ${mostLabels} labels can be added at once, and ${mostLabels} keys removed.`);
      }
      await run.run({ action: "label", add, remove });
    },
    onSuccess: () => props.onClose(),
  }));
  const save = () => {
    if (!edit.addTyped()) return;
    if (edit.isEmpty()) props.onClose();
    else saving.mutate();
  };

  return (
    <Dialog title={`Labels of ${countAgents(chosen.length)}`} onClose={props.onClose}>
      <LabelEditor agents={agents()} edit={edit} />
      <Show when={run.isRunning() || saving.isError}>
        <BulkAgents run={run} of={chosen.length} />
      </Show>
      <p class="problem" role="alert">
        {saving.error?.message}
      </p>
      <DialogButtons
        action={`Label ${countAgents(run.left().length)}`}
        isBusy={saving.isPending}
        onCancel={props.onClose}
        onAct={save}
      />
    </Dialog>
  );
}
