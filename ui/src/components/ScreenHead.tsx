import type { ParentProps } from "solid-js";
import "./ScreenHead.css";

/** The heading of a screen, a sentence about it, and what can be done on it. */
export function ScreenHead(props: ParentProps<{ title: string; words: string }>) {
  return (
    <div class="screen-head">
      <h1 tabindex="-1">{props.title}</h1>
      {props.children}
      <p class="screen-head-words">{props.words}</p>
    </div>
  );
}
