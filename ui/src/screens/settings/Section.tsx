import { createUniqueId, type ParentProps } from "solid-js";

/** One of the settings, or several of a kind. */
export function Section(props: ParentProps<{ title: string }>) {
  const titleId = createUniqueId();
  return (
    <section class="panel settings-section" aria-labelledby={titleId}>
      <h2 id={titleId}>{props.title}</h2>
      {props.children}
    </section>
  );
}
