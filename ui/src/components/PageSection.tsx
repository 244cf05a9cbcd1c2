import { createUniqueId, type JSX, type ParentProps } from "solid-js";
import "./PageSection.css";

/** A part of a page under a heading of its own. `aside` stands beside the heading. */
export function PageSection(props: ParentProps<{ title: string; aside?: JSX.Element }>) {
  const titleId = createUniqueId();
  return (
    <section class="page-section" aria-labelledby={titleId}>
      <div class="page-section-head">
        <h3 id={titleId}>{props.title}</h3>
        {props.aside}
      </div>
      {props.children}
    </section>
  );
}
