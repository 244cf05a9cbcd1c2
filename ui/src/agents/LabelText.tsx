import "./LabelText.css";

/** A label as a small box. Its value may be written from right to left, so it is isolated. */
export function LabelText(props: { label: string }) {
  return <bdi class="label-text">{props.label}</bdi>;
}
