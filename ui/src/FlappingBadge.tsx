import "./FlappingBadge.css";

export const flappingExplanation = "Flapping: five or more changes within ten minutes.";

/** Marks an agent that connects and disconnects often, in a word, colour and shape. */
export function FlappingBadge() {
  return (
    <span class="badge flapping" title={flappingExplanation}>
      <svg viewBox="0 0 14 10" width="14" height="10" aria-hidden="true">
        <path d="M1 8 4.5 2 9 8 12.5 2" />
      </svg>
      Flapping
    </span>
  );
}
