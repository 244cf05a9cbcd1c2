import { Badge } from "../components/Badge.tsx";
import { formatExact } from "../components/format.ts";
import { type Clone, hostLabels } from "./clone.ts";
import "./CloneWarning.css";

/** Warns that two hosts share an identity. */
export function CloneBadge(props: { clone: Clone }) {
  return (
    <Badge tone="warn" icon="copies" title={`Two hosts share this identity, seen ${formatExact(props.clone.at)}`}>
      Clone
    </Badge>
  );
}

/** Names the two hosts that share an identity. Hostnames may be right-to-left text, so they are isolated. */
export function CloneHosts(props: { clone: Clone }) {
  const labels = () => hostLabels(props.clone);
  const differ = () => labels().first !== labels().second;
  const title = () => (differ() ? `${labels().first} and ${labels().second}` : labels().first);
  return (
    <span class="clone-hosts cut" title={`Two hosts share this identity: ${title()}`}>
      <span class="visually-hidden">Two hosts share this identity{differ() ? ": " : ", "}</span>
      {differ() ? "" : "both seen as "}
      <bdi>{labels().first}</bdi>
      {differ() ? " and " : ""}
      <bdi>{differ() ? labels().second : ""}</bdi>
    </span>
  );
}
