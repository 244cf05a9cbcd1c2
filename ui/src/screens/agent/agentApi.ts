import { ApiError, agentRoute, answerWithinMs, call, read, unreachable } from "../../api.ts";
import { array, number, object, texts } from "../../json.ts";
import { jsonProblem, memberText } from "../../jsonText.ts";
import { type ConnectionEvent, parseEvent, parseUptime, type Uptime } from "./history.ts";

/** An agent's answer to a request. */
export interface Reply {
  /** The JSON of its data as the agent has written it; null if it has none. */
  readonly dataJson: string | null;
  /** From this page to the agent and back. */
  readonly tookMs: number;
}

/** What an agent subscribes to, and what became of the messages on its present connection. */
export interface Subscriptions {
  readonly patterns: readonly string[];
  readonly delivered: number;
  /** Not sent, because the agent was too far behind. */
  readonly dropped: number;
  /** Sent, but not yet processed by the agent. */
  readonly unacknowledged: number;
}

/** Fails with `unknown_agent`. */
export async function readUptime(id: string, signal: AbortSignal, unattended: boolean): Promise<Uptime> {
  const response = await call(agentRoute(id), { signal, unattended });
  return read(response, (body) => parseUptime(object(body, "agent")));
}

/** The agent's timeline, newest first. Fails with `unknown_agent`. */
export async function listEvents(id: string, signal: AbortSignal, unattended: boolean): Promise<ConnectionEvent[]> {
  const response = await call(`${agentRoute(id)}/events`, { signal, unattended });
  return read(response, (body) => array(body, "events", parseEvent));
}

/** Fails with `unknown_agent`. All is empty while the agent is not connected. */
export async function readSubscriptions(id: string, signal: AbortSignal, unattended: boolean): Promise<Subscriptions> {
  const response = await call(`${agentRoute(id)}/subscriptions`, { signal, unattended });
  return read(response, (body) => {
    const status = object(body, "subscriptions");
    return {
      patterns: texts(status, "patterns"),
      delivered: number(status, "delivered"),
      dropped: number(status, "dropped"),
      unacknowledged: number(object(status.unacknowledged, "unacknowledged"), "frames"),
    };
  });
}

/**
 * Sends a request to an agent and waits for its answer.
 * @param dataJson one JSON value, which is sent as it is written; null for none
 * @throws ApiError with a code of docs/API.md "Messages", or any code of the agent's
 */
export async function sendRequest(
  id: string,
  { subject, dataJson, timeoutMs }: { subject: string; dataJson: string | null; timeoutMs: number },
): Promise<Reply> {
  const fields = JSON.stringify({ subject, timeoutMs });
  const body = dataJson === null ? fields : `${fields.slice(0, -1)},"data":${dataJson}}`;
  const sentAt = performance.now();
  const response = await call(`${agentRoute(id)}/request`, {
    method: "POST",
    body,
    withinMs: timeoutMs + answerWithinMs,
  });
  const tookMs = performance.now() - sentAt;
  const answer = await response.text().catch(() => {
    throw unreachable();
  });
  if (jsonProblem(answer) !== null) throw new ApiError("invalid_response", "The answer is not JSON.", response.status);
  return { dataJson: memberText(answer, "data"), tookMs };
}
