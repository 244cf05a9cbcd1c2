import { type Agent, describeReason } from "./agent.ts";
import "./StatusBadge.css";

/** The status in words, colour and shape: green with a filled dot, gray with a ring and the reason. */
export function StatusBadge(props: { agent: Agent }) {
  const words = () =>
    props.agent.reason === null ? props.agent.status : `offline · ${describeReason(props.agent.reason)}`;
  return (
    <span class="badge" classList={{ online: props.agent.status === "online" }} title={words()}>
      <span class="cut">{words()}</span>
    </span>
  );
}
