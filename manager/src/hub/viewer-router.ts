/** Handles the frames of viewers: docs/API.md "Live feed". */
import { Close } from "../protocol/close.ts";
import { failure } from "../protocol/errors.ts";
import { byteLength, decode, type Message } from "../protocol/message.ts";
import { type BeatAck, CreditReport, PatternList } from "../protocol/payloads.ts";
import { viewerMaySubscribe } from "../protocol/permissions.ts";
import { inboxToken } from "../protocol/subject.ts";
import { type Answer, answer, answerFrame, MAX_BAD_FRAMES, payload, TOLD_EVERY_MS } from "./answer.ts";
import { withoutPatterns, withPatterns } from "./pattern-list.ts";
import type { ViewerSocket } from "./viewer-socket.ts";

/** Handles one frame. Returns the close code if the socket must be closed, else null. The caller saves the state. */
export function receiveFromViewer(viewer: ViewerSocket, frame: string | ArrayBuffer, now: number): Close | null {
  viewer.state.lastMessageAt = now;
  const budget = viewer.budget.take(byteLength(frame), now);
  if (budget === "exhausted") return Close.rateLimited;
  const decoded = decode(frame, viewer.state.terms.maxFrameBytes);
  if (!decoded.ok) {
    sendAnswer(viewer, decoded, decoded);
    return ++viewer.state.badFrames < MAX_BAD_FRAMES ? null : Close.policyViolation;
  }
  const { message } = decoded;
  if (budget === "refused") {
    // A request always gets an answer. For other messages, one error a second is enough.
    if (message.reply !== undefined || now >= viewer.toldRefusedAt + TOLD_EVERY_MS) {
      viewer.toldRefusedAt = now;
      sendAnswer(viewer, message, failure("rate_limited", "this connection sends more than it may"));
    }
    return null;
  }
  sendAnswer(viewer, message, outcomeOf(viewer, message, now));
  return null;
}

/** Handles a message. A viewer may send to these subjects only. */
function outcomeOf(viewer: ViewerSocket, message: Message, now: number): Answer {
  const { state } = viewer;
  if (message.reply !== undefined && ownInbox(viewer, message) === null) {
    return failure("invalid_data", "reply: is not an inbox of this connection");
  }
  switch (message.subject) {
    // The runtime answers the bare heartbeat. A heartbeat in any other spelling comes here.
    case "agent.heartbeat":
      return answer({ ok: true, value: { serverTime: now, leaseMs: state.terms.leaseMs } satisfies BeatAck });
    case "live.subscribe":
    case "live.unsubscribe": {
      const list = payload(PatternList, message);
      if (!list.ok) return list;
      const change = message.subject === "live.subscribe" ? withPatterns : withoutPatterns;
      const changed = change(state.patterns, list.value.patterns, viewerMaySubscribe);
      if (changed.ok) state.patterns = changed.value.patterns;
      return answer(changed);
    }
    case "live.credit": {
      const report = payload(CreditReport, message);
      if (!report.ok) return report;
      viewer.acknowledge(report.value);
      return { ok: true, value: undefined };
    }
    default:
      return failure("forbidden", `a viewer may not send to ${message.subject}`);
  }
}

type Asked = Partial<Record<"subject" | "reply", string | undefined>>;

/**
 * Sends the outcome of a message to its reply inbox. Without an inbox of this connection, only errors and heartbeat
 * answers are sent.
 */
function sendAnswer(viewer: ViewerSocket, asked: Asked, outcome: Answer): void {
  const inbox = ownInbox(viewer, asked);
  if (inbox !== null) send(viewer, inbox, outcome);
  else if (!outcome.ok) send(viewer, "live.error", outcome);
  else if (asked.subject === "agent.heartbeat") send(viewer, "agent.heartbeat.ack", outcome);
}

function send(viewer: ViewerSocket, subject: string, outcome: Answer): void {
  viewer.send(answerFrame(subject, outcome, viewer.state.terms.maxFrameBytes));
}

/** The reply inbox if it belongs to this connection, else null. */
function ownInbox({ id }: ViewerSocket, { reply }: Asked): string | null {
  return reply !== undefined && inboxToken(reply, id) ? reply : null;
}
