import { type Agent, isRevoked } from "../../agents/agent.ts";
import { ConfirmDialog } from "../../components/ConfirmDialog.tsx";
import { useLiveView } from "../../useLive.ts";
import { BulkAgents } from "./BulkAgents.tsx";
import { countAgents, useBulkRun } from "./bulkRun.ts";
import type { Selection } from "./selection.ts";

const words = {
  revoke: {
    verb: "Revoke",
    effect: "They are disconnected at once, and their tokens are void for good. Their records stay in the list.",
  },
  remove: {
    verb: "Remove",
    effect: "They are disconnected and forgotten at once, and their tokens stop working.",
  },
} as const;

interface BulkDialogProps {
  action: keyof typeof words;
  selection: Selection;
  onClose: () => void;
}

/** Asks once for all selected agents, names them, and shows how far it is. */
export default function BulkDialog(props: BulkDialogProps) {
  const live = useLiveView();
  // As it was when the operator asked: what the dialog lists is what it does.
  const chosen: readonly Agent[] = [...props.selection.ids()]
    .flatMap((id) => live.roster.get(id)?.agent ?? [])
    .filter((agent) => props.action === "remove" || !isRevoked(agent));
  const run = useBulkRun(chosen, props.selection);
  const text = () => words[props.action];

  return (
    <ConfirmDialog
      title={`${text().verb} ${countAgents(chosen.length)}?`}
      action={`${text().verb} ${countAgents(run.left().length)}`}
      danger
      act={() => run.run({ action: props.action })}
      onClose={props.onClose}
    >
      <p>{text().effect} To bring a host back, start its agent with a new enrolment token.</p>
      <BulkAgents run={run} of={chosen.length} />
    </ConfirmDialog>
  );
}
