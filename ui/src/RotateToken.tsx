import { useMutation } from "@tanstack/solid-query";
import { onMount, Show } from "solid-js";
import type { Agent } from "./agent.ts";
import { ApiError, rotateToken } from "./api.ts";
import { Dialog } from "./Dialog.tsx";

function explain(error: Error | null): string | undefined {
  if (error instanceof ApiError && error.code === "no_responders") {
    return "The agent is not connected, so it keeps its token. Try again when it is back.";
  }
  if (error instanceof ApiError && error.code === "timeout") {
    return "The agent did not answer in time. Its old or its new token works; try again in a minute.";
  }
  return error?.message;
}

export function RotateToken(props: { agent: Agent; onClose: () => void }) {
  let close!: HTMLButtonElement;

  const rotating = useMutation(() => ({
    mutationFn: () => rotateToken(props.agent.id),
    onSuccess: () => close.focus(),
  }));

  onMount(() => close.focus());

  return (
    <Dialog title="Rotate this agent's token?" onClose={props.onClose}>
      <p>
        <strong>
          <bdi>{props.agent.name}</bdi>
        </strong>{" "}
        stores a new token and reconnects with it, and its old token stops working then.
      </p>
      <p class="success" role="status">
        <Show when={rotating.isSuccess}>Done: the agent has its new token.</Show>
      </p>
      <p class="problem" role="alert">
        {explain(rotating.error)}
      </p>
      <div class="dialog-buttons">
        <button class="button" type="button" ref={close} onClick={() => props.onClose()}>
          {rotating.isSuccess ? "Close" : "Cancel"}
        </button>
        <Show when={!rotating.isSuccess}>
          <button class="button primary" type="button" disabled={rotating.isPending} onClick={() => rotating.mutate()}>
            Rotate token
          </button>
        </Show>
      </div>
    </Dialog>
  );
}
