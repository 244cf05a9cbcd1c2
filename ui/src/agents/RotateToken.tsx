import { ApiError, rotateToken } from "../api.ts";
import { ConfirmDialog } from "../components/ConfirmDialog.tsx";
import { AgentName } from "./AgentName.tsx";
import type { Agent } from "./agent.ts";

function explain(error: Error): string {
  if (error instanceof ApiError && error.code === "no_responders") {
    return "The agent is not connected, so it keeps its token. Try again when it is back.";
  }
  if (error instanceof ApiError && error.code === "timeout") {
    return "The agent did not answer in time. Its old or its new token works; try again in a minute.";
  }
  return error.message;
}

export default function RotateToken(props: { agent: Agent; onClose: () => void }) {
  return (
    <ConfirmDialog
      title="Rotate this agent's token?"
      action="Rotate token"
      act={() => rotateToken(props.agent.id)}
      success={() => "Done: the agent has its new token."}
      explain={explain}
      onClose={props.onClose}
    >
      <p>
        <strong>
          <AgentName agent={props.agent} />
        </strong>{" "}
        stores a new token and reconnects with it, and its old token stops working then.
      </p>
    </ConfirmDialog>
  );
}
