import { useMutation } from "@tanstack/solid-query";
import { onMount } from "solid-js";
import type { Agent } from "./agent.ts";
import { revokeAgent } from "./api.ts";
import { Dialog } from "./Dialog.tsx";
import { useApply } from "./useLive.ts";

export function RevokeAgent(props: { agent: Agent; onClose: () => void }) {
  let cancel!: HTMLButtonElement;
  const apply = useApply();

  const revoking = useMutation(() => ({
    mutationFn: () => revokeAgent(props.agent.id),
    onSuccess: (revoked) => {
      apply({ kind: "row", agent: revoked });
      props.onClose();
    },
  }));

  onMount(() => cancel.focus());

  return (
    <Dialog title="Revoke this agent?" onClose={props.onClose}>
      <p>
        <strong>
          <bdi>{props.agent.name}</bdi>
        </strong>{" "}
        is disconnected at once, and its token is void for good. Its record stays in the list. To bring the host back,
        start its agent with a new enrolment token; it comes back as a new agent.
      </p>
      <p class="problem" role="alert">
        {revoking.error?.message}
      </p>
      <div class="dialog-buttons">
        <button class="button" type="button" ref={cancel} onClick={() => props.onClose()}>
          Cancel
        </button>
        <button class="button danger" type="button" disabled={revoking.isPending} onClick={() => revoking.mutate()}>
          Revoke agent
        </button>
      </div>
    </Dialog>
  );
}
