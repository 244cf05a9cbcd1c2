import { ApiError } from "../../api.ts";

/** The codes of docs/PROTOCOL.md "Request and reply" and docs/API.md "Messages", as the sender of a request reads them. */
const errors: ReadonlyMap<string, string> = new Map([
  ["no_responders", "The agent is not connected, or it does not answer this subject."],
  ["forbidden", "Operators may not send to this subject: it is the manager’s own, or an inbox."],
  ["not_registered", "The agent has connected, but not registered yet."],
  ["invalid_subject", "This is no subject: 1 to 16 words joined by dots, without spaces, * and >."],
  ["invalid_request", "The manager does not accept the request."],
  ["invalid_data", "The data does not fit this subject."],
  ["timeout", "No answer came in time. The agent may still have acted on the request."],
  ["disconnected", "The connection was lost during the wait. The agent may have received the request."],
  ["payload_too_large", "The request or its answer does not fit into a frame."],
  ["rate_limited", "Too many messages at once. Try again in a moment."],
  ["too_many_subscriptions", "The connection would have too many subscriptions."],
  ["busy", "The agent handles as many requests at once as it can. Try again in a moment."],
  ["registry_unavailable", "The manager cannot reach its database. Try again in a moment."],
  ["hub_unavailable", "The part of the manager that holds this connection does not answer. Try again in a moment."],
  ["not_saved", "The agent could not store its new token."],
  ["internal", "The agent’s handler for this subject failed. Its log says why."],
  ["unknown_agent", "There is no such agent any more."],
]);

/** Why a request failed: the meaning of its code, the manager's or agent's own message, and the code. */
export function explainRequestError(error: Error): string {
  if (!(error instanceof ApiError)) return error.message;
  const meaning = errors.get(error.code);
  const { message } = error;
  if (error.code === "unreachable" || error.code === "invalid_response") return message;
  return meaning === undefined
    ? `The agent answered: ${message} (${error.code})`
    : `${meaning} (${error.code}: ${message})`;
}
