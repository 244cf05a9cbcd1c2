import { describePresence, explainPresence, isLate, type Presence } from "./presence.ts";
import "./StatusBadge.css";

/**
 * The status in words, colour and shape: a filled dot for online, a half-filled dot for late, a ring and the reason for
 * offline.
 */
export function StatusBadge(props: { presence: Presence }) {
  const words = () => describePresence(props.presence);
  const title = () => {
    const explanation = explainPresence(props.presence);
    return explanation === null ? words() : `${words()}: ${explanation}`;
  };
  return (
    <span
      class="badge"
      classList={{ online: props.presence.status === "online", late: isLate(props.presence) }}
      title={title()}
    >
      <span class="cut">{words()}</span>
    </span>
  );
}
