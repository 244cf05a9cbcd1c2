import { Show } from "solid-js";
import { agentCommand } from "../../agents/agentCommand.ts";
import { installCommand, useServedAgent } from "../../agents/installer.ts";
import { CopyField } from "../../components/CopyField.tsx";
import "./EmptyState.css";

/** Shown while there are no agents: the steps to add one. */
export default function EmptyState(props: { onAdd: () => void }) {
  const served = useServedAgent();
  return (
    <section class="panel empty" aria-labelledby="empty-title">
      <h2 id="empty-title">No agents yet</h2>
      <p class="muted">
        An agent dials out to this manager, so its host needs no open port. Create a token for it here, and it appears
        in this place as soon as it connects.
      </p>
      <button class="button primary" type="button" onClick={() => props.onAdd()}>
        Add agent
      </button>
      <div class="empty-ways">
        <Show when={served() !== undefined}>
          <CopyField
            label="On the host, it is one command; it asks for the token"
            value={served() ? installCommand() : agentCommand()}
          />
        </Show>
        <CopyField label="To try one on this machine, from the repository" value="make agent-run" />
      </div>
    </section>
  );
}
