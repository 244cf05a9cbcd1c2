import { removeAgent } from "../api.ts";
import { ConfirmDialog } from "../components/ConfirmDialog.tsx";
import { useApply } from "../useLive.ts";
import { AgentName } from "./AgentName.tsx";
import type { Agent } from "./agent.ts";
import { LastSeen } from "./LastSeen.tsx";
import { shortId } from "./name.ts";
import "./RemoveAgent.css";

/** Nothing brings a removed agent back, so it is shown which one it is, and its short id has to be typed. */
export default function RemoveAgent(props: {
  agent: Agent;
  onRemoved?: (() => void) | undefined;
  onClose: () => void;
}) {
  const apply = useApply();
  return (
    <ConfirmDialog
      title="Remove this agent?"
      action="Remove agent"
      danger
      typed={shortId(props.agent.id)}
      act={() => removeAgent(props.agent.id)}
      onDone={() => {
        apply({ kind: "removed", id: props.agent.id });
        props.onRemoved?.();
      }}
      onClose={props.onClose}
    >
      <p>
        <strong>
          <AgentName agent={props.agent} />
        </strong>{" "}
        is disconnected and forgotten at once, and its token stops working. To bring the host back, start its agent with
        a new enrolment token.
      </p>
      <dl class="remove-agent-facts">
        <dt>Id</dt>
        <dd>{props.agent.id}</dd>
        <dt>Address</dt>
        <dd>{props.agent.address ?? "–"}</dd>
        <dt>Last seen</dt>
        <dd>
          <LastSeen agent={props.agent} stale={false} />
        </dd>
      </dl>
    </ConfirmDialog>
  );
}
