import { useMutation } from "@tanstack/solid-query";
import { onMount } from "solid-js";
import { renameAgent } from "../api.ts";
import { Dialog } from "../components/Dialog.tsx";
import { DialogButtons } from "../components/DialogButtons.tsx";
import { useApply } from "../useLive.ts";
import type { Agent } from "./agent.ts";

/** The manager's limit, in characters. */
const longestName = 64;

export default function RenameAgent(props: { agent: Agent; onClose: () => void }) {
  let name!: HTMLInputElement;
  const apply = useApply();

  const renaming = useMutation(() => ({
    mutationFn: (to: string) => renameAgent(props.agent.id, to),
    onSuccess: (renamed) => {
      apply({ kind: "row", agent: renamed });
      props.onClose();
    },
  }));

  onMount(() => name.select());

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (renaming.isPending) return;
    const to = name.value.trim();
    if (to === props.agent.name) props.onClose();
    else if (to !== "") renaming.mutate(to);
  };

  return (
    <Dialog title="Rename agent" onClose={props.onClose}>
      <form onSubmit={submit}>
        <div class="field">
          <label for="agent-name">Name</label>
          <input
            id="agent-name"
            ref={name}
            type="text"
            dir="auto"
            autocomplete="off"
            spellcheck={false}
            required
            maxlength={longestName}
            value={props.agent.name}
            aria-invalid={renaming.isError}
            aria-describedby="agent-name-problem"
          />
          <p class="problem" id="agent-name-problem" role="alert">
            {renaming.error?.message}
          </p>
        </div>
        <DialogButtons action="Rename" isBusy={renaming.isPending} onCancel={props.onClose} />
      </form>
    </Dialog>
  );
}
