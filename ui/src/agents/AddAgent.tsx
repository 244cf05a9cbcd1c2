import { useMutation } from "@tanstack/solid-query";
import { createSignal, onMount, Show } from "solid-js";
import { mintToken } from "../api.ts";
import { CopyField } from "../components/CopyField.tsx";
import { Dialog } from "../components/Dialog.tsx";
import { useLiveView } from "../useLive.ts";
import { AgentName } from "./AgentName.tsx";
import { isOnline } from "./agent.ts";
import { agentCommand, isLoopback } from "./agentCommand.ts";
import "./AddAgent.css";

/** Mints a token for one host, shows the steps, and reports when the host comes online. */
export default function AddAgent(props: { onClose: () => void }) {
  let name!: HTMLInputElement;
  const live = useLiveView();
  let knownBefore: ReadonlySet<string> | undefined;
  const [arrivedId, setArrivedId] = createSignal<string>();

  const minting = useMutation(() => ({
    mutationFn: mintToken,
    onMutate: () => {
      knownBefore = new Set(live.roster.ids());
    },
  }));

  live.subscribe((changes) => {
    const arrived = changes.find(({ after }) => after !== undefined && isOnline(after.agent) && isNew(after.agent.id));
    if (arrivedId() === undefined) setArrivedId(arrived?.after?.agent.id);
  });
  const isNew = (id: string) => knownBefore !== undefined && !knownBefore.has(id);
  const arrived = () => {
    const id = arrivedId();
    return id === undefined ? undefined : live.agent(id);
  };

  onMount(() => name.focus());

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    minting.mutate(name.value.trim());
  };

  const form = () => (
    <form onSubmit={submit}>
      <p class="muted">A host enrols with a token. This one is valid for 1 hour, for one host.</p>
      <div class="field">
        <label for="new-agent-name">
          Name <span class="muted">(optional; the host's own name otherwise)</span>
        </label>
        <input
          id="new-agent-name"
          ref={name}
          type="text"
          dir="auto"
          autocomplete="off"
          spellcheck={false}
          maxlength={64}
          placeholder="edge-7"
          aria-invalid={minting.isError}
          aria-describedby="new-agent-problem"
        />
        <p class="problem" id="new-agent-problem" role="alert">
          {minting.error?.message}
        </p>
      </div>
      <div class="dialog-buttons">
        <button class="button" type="button" onClick={() => props.onClose()}>
          Cancel
        </button>
        <button class="button primary" type="submit" disabled={minting.isPending}>
          Create token
        </button>
      </div>
    </form>
  );

  return (
    <Dialog title="Add agent" onClose={props.onClose}>
      <Show when={minting.data} fallback={form()}>
        {(minted) => (
          <>
            <ol class="steps">
              <li>
                <CopyField label="Run this on the host" value={agentCommand()} />
                <Show when={isLoopback()}>
                  <p class="detail">
                    <code>{location.hostname}</code> leads every host to itself: on another host put this manager's own
                    address in its place. The manager must listen there: <code>make up HOST=0.0.0.0</code>.
                  </p>
                </Show>
                <p class="detail">
                  The binary comes from <code>make agent GOOS=… GOARCH=…</code> in the repository; its README has the
                  steps.
                </p>
              </li>
              <li>
                <CopyField label="Paste this token when it asks" value={minted().token} secret />
                <p class="detail">Valid for 1 hour, for one host. It is not shown again.</p>
              </li>
            </ol>
            <p class="arrival" classList={{ arrived: arrived() !== undefined }} role="status">
              <Show when={arrived()} fallback="Waiting for the agent to connect…">
                {(agent) => (
                  <span class="cut">
                    <AgentName agent={agent()} /> is online ✓
                  </span>
                )}
              </Show>
            </p>
            <div class="dialog-buttons">
              <button class="button primary" type="button" onClick={() => props.onClose()}>
                {arrived() ? "Done" : "Close"}
              </button>
            </div>
          </>
        )}
      </Show>
    </Dialog>
  );
}
