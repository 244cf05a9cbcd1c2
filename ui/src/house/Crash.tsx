import { onMount } from "solid-js";
import { isLoadFailure } from "../components/loadFailure.ts";

/** Shown instead of what failed: what happened, and what the operator can do. */
export function Crash(props: { error: unknown }) {
  const message = () => (props.error instanceof Error ? props.error.message : String(props.error));
  onMount(() => console.error(props.error));

  const reload = async () => {
    // During a deploy the manager may answer with its page for a script that it does not have, and browsers keep what is
    // under the name of a script for a year.
    const [script] = /https?:\S+\.js/.exec(message()) ?? [];
    if (script !== undefined) await fetch(script, { cache: "reload" }).catch(() => {});
    location.reload();
  };

  return (
    <section class="panel message" role="alert">
      <h1 tabindex="-1">This page has stopped</h1>
      <p>
        {isLoadFailure(props.error) ? "The manager has a new version, or cannot be reached. " : ""}Reload it. The agents
        are not affected.
      </p>
      <p class="muted">
        If it stops again, report these words: <code>{message()}</code>
      </p>
      <button class="button primary" type="button" onClick={reload}>
        Reload
      </button>
    </section>
  );
}
