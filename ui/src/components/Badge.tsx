import type { ParentProps } from "solid-js";
import { Icon, type IconName } from "./Icon.tsx";
import "./Badge.css";

interface BadgeProps {
  /** The colour. It is never alone: the icon and the words say the same. */
  tone: "good" | "warn" | "bad" | "calm";
  icon: IconName;
  title?: string;
}

/** A state in a word, a shape and a colour. */
export function Badge(props: ParentProps<BadgeProps>) {
  return (
    <span class={`badge ${props.tone}`} title={props.title}>
      <Icon name={props.icon} />
      <span class="cut">{props.children}</span>
    </span>
  );
}
