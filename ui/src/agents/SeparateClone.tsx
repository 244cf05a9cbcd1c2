import { ApiError, separateClone } from "../api.ts";
import { ConfirmDialog } from "../components/ConfirmDialog.tsx";
import { useApply } from "../useLive.ts";
import { AgentName } from "./AgentName.tsx";
import type { Agent } from "./agent.ts";
import { type Clone, hostLabels } from "./clone.ts";

function explain(error: Error): string {
  if (error instanceof ApiError && error.code === "timeout") {
    return "The second host did not answer in time. It is tried again when that host is next back.";
  }
  return error.message;
}

export default function SeparateClone(props: { agent: Agent; clone: Clone; onClose: () => void }) {
  const apply = useApply();
  const labels = () => hostLabels(props.clone);
  return (
    <ConfirmDialog
      title="Give the copy its own identity?"
      action="Separate the copy"
      act={() => separateClone(props.agent.id)}
      onDone={(newAgent) => {
        if (newAgent !== null) apply({ kind: "row", agent: { ...props.agent, clone: null } });
      }}
      success={(newAgent) =>
        newAgent === null
          ? "It will be done when the second host is back, within minutes."
          : "Done: the second host is now an agent of its own."
      }
      explain={explain}
      onClose={props.onClose}
    >
      <p>
        The host that was there first, <bdi>{labels().first}</bdi>, stays{" "}
        <strong>
          <AgentName agent={props.agent} />
        </strong>
        . The second, <bdi>{labels().second}</bdi>, gets a token of its own and is listed as a new agent.
      </p>
    </ConfirmDialog>
  );
}
