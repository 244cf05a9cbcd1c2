import { createRoot, createSignal, onCleanup } from "solid-js";

const [now, setNow] = createRoot(() => createSignal(Date.now()));
let users = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** The manager's clock at the origin of `performance.now()`; undefined before it has told the time. */
let managerOrigin: number | undefined;

const tick = () => setNow(Date.now());

/**
 * The browser's time in Unix milliseconds, updated once a second. All callers share one timer, which stops with the
 * last of them. Call it while a component is set up.
 */
export function useClock(): () => number {
  users += 1;
  if (users === 1) {
    tick();
    timer = setInterval(tick, 1_000);
  }
  onCleanup(() => {
    users -= 1;
    if (users === 0) clearInterval(timer);
  });
  return now;
}

/**
 * The manager's time: if the clock of the operator's machine is wrong, a live agent must not look hours old. Before the
 * manager has told the time, it is the browser's.
 */
export function useManagerClock(): () => number {
  const browser = useClock();
  return () => {
    const browserTime = browser();
    return managerOrigin === undefined ? browserTime : managerOrigin + performance.now();
  };
}

/**
 * Sets the manager's clock. A time that is not exact may have waited on its way, as in a machine that slept, so it only
 * puts the clock forward.
 */
export function noteManagerTime(time: number, exact: boolean): void {
  const origin = time - performance.now();
  managerOrigin = exact ? origin : Math.max(origin, managerOrigin ?? origin);
}
