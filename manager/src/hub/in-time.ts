/** Limits how long a hub waits for the registry: one answer that never comes would block the alarm for ever. */

/** There was no answer in time. That says nothing about the question: it may still take effect. */
export class NoAnswerInTime extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

/** @throws NoAnswerInTime if the work takes longer than this; milliseconds */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswerInTime(ms)), ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
