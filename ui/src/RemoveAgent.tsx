import { useMutation } from "@tanstack/solid-query";
import { onMount } from "solid-js";
import type { Agent } from "./agent.ts";
import { removeAgent } from "./api.ts";
import { Dialog } from "./Dialog.tsx";
import { useApply } from "./useLive.ts";

export function RemoveAgent(props: { agent: Agent; onClose: () => void }) {
  let cancel!: HTMLButtonElement;
  const apply = useApply();

  const removing = useMutation(() => ({
    mutationFn: () => removeAgent(props.agent.id),
    onSuccess: () => {
      apply({ kind: "removed", id: props.agent.id });
      props.onClose();
    },
  }));

  onMount(() => cancel.focus());

  return (
    <Dialog title="Remove this agent?" onClose={props.onClose}>
      <p>
        <strong>
          <bdi>{props.agent.name}</bdi>
        </strong>{" "}
        is disconnected and forgotten at once, and its token stops working. To bring the host back, start its agent with
        a new enrolment token.
      </p>
      <p class="problem" role="alert">
        {removing.error?.message}
      </p>
      <div class="dialog-buttons">
        <button class="button" type="button" ref={cancel} onClick={() => props.onClose()}>
          Cancel
        </button>
        <button class="button danger" type="button" disabled={removing.isPending} onClick={() => removing.mutate()}>
          Remove agent
        </button>
      </div>
    </Dialog>
  );
}
