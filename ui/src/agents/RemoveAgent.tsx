import { removeAgent } from "../api.ts";
import { ConfirmDialog } from "../components/ConfirmDialog.tsx";
import { useApply } from "../useLive.ts";
import { AgentName } from "./AgentName.tsx";
import type { Agent } from "./agent.ts";

export default function RemoveAgent(props: { agent: Agent; onClose: () => void }) {
  const apply = useApply();
  return (
    <ConfirmDialog
      title="Remove this agent?"
      action="Remove agent"
      danger
      act={() => removeAgent(props.agent.id)}
      onDone={() => apply({ kind: "removed", id: props.agent.id })}
      onClose={props.onClose}
    >
      <p>
        <strong>
          <AgentName agent={props.agent} />
        </strong>{" "}
        is disconnected and forgotten at once, and its token stops working. To bring the host back, start its agent with
        a new enrolment token.
      </p>
    </ConfirmDialog>
  );
}
