import { createSignal, onCleanup } from "solid-js";

const confirmForMs = 2_000;

interface CopyButtonProps {
  value: string;
  /** The id of the element that says what is copied. */
  describedBy?: string;
  /** The browser refused: a page on plain http has no clipboard. It may select the text for the operator. */
  onRefused?: () => void;
}

/** Copies text, and says so for a moment. */
export function CopyButton(props: CopyButtonProps) {
  const [outcome, setOutcome] = createSignal<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));

  const copy = async () => {
    clearTimeout(timer);
    try {
      await navigator.clipboard.writeText(props.value);
      setOutcome("Copied");
    } catch {
      props.onRefused?.();
      setOutcome("Press Ctrl+C");
    }
    timer = setTimeout(() => setOutcome(undefined), confirmForMs);
  };

  return (
    <button class="button" type="button" aria-describedby={props.describedBy} onClick={copy}>
      <span aria-live="polite">{outcome() ?? "Copy"}</span>
    </button>
  );
}
