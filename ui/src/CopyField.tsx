import { createSignal, createUniqueId, For, onCleanup } from "solid-js";
import "./CopyField.css";

const confirmForMs = 2_000;

/** Text with a button that copies it. `secret` shows one line at most. */
export function CopyField(props: { label: string; value: string; secret?: boolean }) {
  let value!: HTMLElement;
  const labelId = createUniqueId();
  const [outcome, setOutcome] = createSignal<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));

  const copy = async () => {
    clearTimeout(timer);
    try {
      await navigator.clipboard.writeText(props.value);
      setOutcome("Copied");
    } catch {
      // Browsers offer no clipboard to pages on plain http, such as those of a manager on the local network.
      getSelection()?.selectAllChildren(value);
      setOutcome("Press Ctrl+C");
    }
    timer = setTimeout(() => setOutcome(undefined), confirmForMs);
  };

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
        <button class="button" type="button" aria-describedby={labelId} onClick={copy}>
          <span aria-live="polite">{outcome() ?? "Copy"}</span>
        </button>
      </div>
    </div>
  );
}
