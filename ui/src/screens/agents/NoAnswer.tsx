import { ApiError } from "../../api.ts";
import "./NoAnswer.css";

/** Shown instead of the table until the manager has answered for the first time. */
export function NoAnswer(props: { error: Error | null }) {
  const title = () => {
    const { error } = props;
    if (error instanceof ApiError && error.code === "not_configured") return "The manager is not configured";
    if (error instanceof ApiError && error.code !== "unreachable") return "The manager answers with an error";
    return "The manager cannot be reached";
  };
  const detail = () => {
    const { error } = props;
    return error instanceof ApiError && error.code !== "unreachable"
      ? error.message
      : "Is it running, and is this machine online?";
  };

  return (
    <section class="panel no-answer" role="alert">
      <h2>{title()}</h2>
      <p>{detail()}</p>
      <p class="muted">Retrying…</p>
    </section>
  );
}
