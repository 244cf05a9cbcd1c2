import { Badge } from "../components/Badge.tsx";

export const flappingExplanation = "Flapping: five or more changes within ten minutes.";

/** Marks an agent that connects and disconnects often. */
export function FlappingBadge() {
  return (
    <Badge tone="warn" icon="zigzag" title={flappingExplanation}>
      Flapping
    </Badge>
  );
}
