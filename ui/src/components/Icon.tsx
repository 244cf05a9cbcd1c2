import "./Icon.css";

/** One path each, in a box of 16. */
const paths = {
  dot: "M8 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8Z",
  ring: "M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9Zm0 2a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
  half: "M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9Zm0 2v5a2.5 2.5 0 0 0 0-5Z",
  alert: "M8 1.8 15 14H1L8 1.8Zm-.9 4.4.2 4h1.4l.2-4H7.1Zm.9 4.9a.9.9 0 1 0 0 1.8.9.9 0 0 0 0-1.8Z",
  zigzag: "M1.2 11.2 5 4.1l5 7 3.3-6 1.5.9-4.6 8.2-5.1-7.2L2.7 12l-1.5-.8Z",
  copies: "M2 2h8v3h4v9H6v-3H2V2Zm1.5 1.5v6H6V5h2.5V3.5h-5Zm4 3v6h5v-6h-5Z",
  check: "m6.4 12.3-4-4 1.2-1.2 2.8 2.8 6-6 1.2 1.2-7.2 7.2Z",
  copy: "M5 1.5h9v10h-2v-1.5h.5V3h-6v.5H5v-2Zm-3 3h9v10H2v-10ZM3.5 6v7h6V6h-6Z",
  close: "m4.3 3.2 3.7 3.7 3.7-3.7 1.1 1.1L9.1 8l3.7 3.7-1.1 1.1L8 9.1l-3.7 3.7-1.1-1.1L6.9 8 3.2 4.3l1.1-1.1Z",
  back: "m10.2 2.6 1.1 1.1L7 8l4.3 4.3-1.1 1.1L4.8 8l5.4-5.4Z",
  up: "m8 4.5 4.5 6h-9l4.5-6Z",
  down: "m8 11.5-4.5-6h9l-4.5 6Z",
} as const;

export type IconName = keyof typeof paths;

/** A shape beside words, which say the same. */
export function Icon(props: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[props.name]} fill-rule="evenodd" />
    </svg>
  );
}
