/** The close codes of docs/PROTOCOL.md "Close codes", as an operator reads them in a timeline. */
const closes: ReadonlyMap<number, string> = new Map([
  [1000, "The agent was stopped"],
  [1001, "The agent no longer heard from the manager"],
  [1002, "The manager got something that is no WebSocket frame"],
  // No end sends it: the platform has no better code for a connection that just ended.
  [1006, "The connection broke"],
  [1009, "The agent sent a frame that is too long"],
  [1011, "The manager’s end of the connection broke"],
  [1012, "The agent reconnected, by itself or when it was asked to"],
  [4400, "The agent sent too many bad frames"],
  [4401, "The manager refused its registration"],
  [4403, "The agent was revoked or removed"],
  [4408, "The manager no longer heard from the agent"],
  [4409, "A newer connection of the same agent replaced it"],
  [4429, "The agent exceeded a rate limit"],
  [4503, "The manager asked it to connect again"],
]);

/** The meaning of a close code, in words; null if neither the manager nor the agent sends it. */
export function explainClose(code: number): string | null {
  return closes.get(code) ?? null;
}
