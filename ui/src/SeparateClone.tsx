import { useMutation } from "@tanstack/solid-query";
import { onMount, Show } from "solid-js";
import type { Agent } from "./agent.ts";
import { ApiError, separateClone } from "./api.ts";
import { type Clone, hostLabels } from "./clone.ts";
import { Dialog } from "./Dialog.tsx";
import { useApply } from "./useLive.ts";

function explain(error: Error | null): string | undefined {
  if (error instanceof ApiError && error.code === "timeout") {
    return "The second host did not answer in time. It is tried again when that host is next back.";
  }
  return error?.message;
}

export function SeparateClone(props: { agent: Agent; clone: Clone; onClose: () => void }) {
  let close!: HTMLButtonElement;
  const apply = useApply();
  const labels = () => hostLabels(props.clone);

  const separating = useMutation(() => ({
    mutationFn: () => separateClone(props.agent.id),
    onSuccess: (newAgent) => {
      close.focus();
      if (newAgent !== null) apply({ kind: "row", agent: { ...props.agent, clone: null } });
    },
  }));

  onMount(() => close.focus());

  return (
    <Dialog title="Give the copy its own identity?" onClose={props.onClose}>
      <p>
        The host that was there first, <bdi>{labels().first}</bdi>, stays{" "}
        <strong>
          <bdi>{props.agent.name}</bdi>
        </strong>
        . The second, <bdi>{labels().second}</bdi>, gets a token of its own and is listed as a new agent.
      </p>
      <p class="success" role="status">
        <Show when={separating.isSuccess}>
          {separating.data === null
            ? "It will be done when the second host is back, within minutes."
            : "Done: the second host is now an agent of its own."}
        </Show>
      </p>
      <p class="problem" role="alert">
        {explain(separating.error)}
      </p>
      <div class="dialog-buttons">
        <button class="button" type="button" ref={close} onClick={() => props.onClose()}>
          {separating.isSuccess ? "Close" : "Cancel"}
        </button>
        <Show when={!separating.isSuccess}>
          <button
            class="button primary"
            type="button"
            disabled={separating.isPending}
            onClick={() => separating.mutate()}
          >
            Separate the copy
          </button>
        </Show>
      </div>
    </Dialog>
  );
}
