/** The last wait before an attempt to connect, from the agent's verbose log; milliseconds. */
export function lastRetryWait(log: string): number {
  const wait = [...log.matchAll(/waiting to connect again" wait=(\S+)/g)].at(-1)?.[1];
  if (wait === undefined) throw new Error("the agent has not waited to connect again");
  return milliseconds(wait);
}

/** Parses a duration under an hour as Go prints it, such as `1m2.345s`, `17.2s` or `830ms`. */
function milliseconds(duration: string): number {
  const parts = /^(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:(\d+)ms)?$/.exec(duration);
  if (parts === null) throw new Error(`"${duration}" is not a duration`);
  const [minutes = 0, seconds = 0, rest = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  return minutes * 60_000 + seconds * 1_000 + rest;
}
