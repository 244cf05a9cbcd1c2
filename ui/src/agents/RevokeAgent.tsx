import { revokeAgent } from "../api.ts";
import { ConfirmDialog } from "../components/ConfirmDialog.tsx";
import { useApply } from "../useLive.ts";
import { AgentName } from "./AgentName.tsx";
import type { Agent } from "./agent.ts";

export default function RevokeAgent(props: { agent: Agent; onClose: () => void }) {
  const apply = useApply();
  return (
    <ConfirmDialog
      title="Revoke this agent?"
      action="Revoke agent"
      danger
      act={() => revokeAgent(props.agent.id)}
      onDone={(revoked) => apply({ kind: "row", agent: revoked })}
      onClose={props.onClose}
    >
      <p>
        <strong>
          <AgentName agent={props.agent} />
        </strong>{" "}
        is disconnected at once, and its token is void for good. Its record stays in the list. To bring the host back,
        start its agent with a new enrolment token; it comes back as a new agent.
      </p>
    </ConfirmDialog>
  );
}
