import { createMemo } from "solid-js";
import { ApiError } from "./api.ts";
import "./NoAnswer.css";

/** Takes the table's place while the manager has not answered even once. */
export function NoAnswer(props: { error: Error | null }) {
  // The error is cleared while the next attempt is under way; the words must not blink.
  const latest = createMemo<Error | null>((previous) => props.error ?? previous, null);

  const title = () => {
    const error = latest();
    if (error instanceof ApiError && error.code === "not_configured") return "The manager is not configured";
    if (error instanceof ApiError && error.code !== "unreachable") return "The manager answers with an error";
    return "The manager cannot be reached";
  };
  const detail = () => {
    const error = latest();
    return error instanceof ApiError && error.code !== "unreachable"
      ? error.message
      : "Is it running, and is this machine online?";
  };

  return (
    <section class="panel no-answer" role="alert">
      <h2>{title()}</h2>
      <p>{detail()}</p>
      <p class="muted">Retrying every second.</p>
    </section>
  );
}
