import { createUniqueId, For } from "solid-js";
import { CopyButton } from "./CopyButton.tsx";
import "./CopyField.css";

/** Text with a button that copies it. `secret` shows one line at most. */
export function CopyField(props: { label: string; value: string; secret?: boolean }) {
  let value!: HTMLElement;
  const labelId = createUniqueId();

  return (
    <div class="copy-field">
      <span class="copy-label" id={labelId}>
        {props.label}
      </span>
      <div class="copy-box">
        <code ref={value} classList={{ cut: props.secret }}>
          {/* A shell command breaks between its words, never at the hyphens in them. */}
          <For each={props.value.split(/(?<= )/)}>{(word) => <span class="word">{word}</span>}</For>
        </code>
        <CopyButton
          value={props.value}
          describedBy={labelId}
          onRefused={() => getSelection()?.selectAllChildren(value)}
        />
      </div>
    </div>
  );
}
