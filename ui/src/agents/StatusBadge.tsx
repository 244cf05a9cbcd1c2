import { Badge } from "../components/Badge.tsx";
import { describePresence, explainPresence, isLate, isMeant, type Presence } from "./presence.ts";

/**
 * The status in words, colour and shape: a dot for online, half a dot for late, a ring for an agent that is offline
 * because somebody meant it so, and an alert for one that went away by itself.
 */
export function StatusBadge(props: { presence: Presence }) {
  const words = () => describePresence(props.presence);
  const title = () => {
    const explanation = explainPresence(props.presence);
    return explanation === null ? words() : `${words()}: ${explanation}`;
  };
  const look = () => {
    if (isLate(props.presence)) return { tone: "warn", icon: "half" } as const;
    if (props.presence.status === "online") return { tone: "good", icon: "dot" } as const;
    return isMeant(props.presence)
      ? ({ tone: "calm", icon: "ring" } as const)
      : ({ tone: "bad", icon: "alert" } as const);
  };
  return (
    <Badge tone={look().tone} icon={look().icon} title={title()}>
      {words()}
    </Badge>
  );
}
