import { Icon } from "./Icon.tsx";
import "./RemovableChip.css";

interface RemovableChipProps {
  text: string;
  /** What a click removes, for screen readers: "Remove …". */
  removes: string;
  onRemove: () => void;
}

/** A short text that a click takes away. */
export function RemovableChip(props: RemovableChipProps) {
  return (
    <button
      class="removable-chip"
      type="button"
      title={props.text}
      aria-label={`Remove ${props.removes}`}
      onClick={() => props.onRemove()}
    >
      <bdi class="cut">{props.text}</bdi>
      <Icon name="close" />
    </button>
  );
}
