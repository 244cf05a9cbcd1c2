import { createRoot, createSignal, onCleanup } from "solid-js";

const [now, setNow] = createRoot(() => createSignal(Date.now()));
let users = 0;
let timer: ReturnType<typeof setInterval> | undefined;
let managerAheadMs = 0;

/** A smaller difference is ignored: the `Date` header has whole seconds, and the answer needed some time to arrive. */
const noSkewMs = 2_500;

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

/** The manager's time: if the clock of the operator's machine is wrong, a live agent must not look hours old. */
export function useManagerClock(): () => number {
  const browser = useClock();
  return () => browser() + managerAheadMs;
}

/** Sets the manager's clock to the time of an answer that has just come. */
export function noteManagerTime(managerTime: number): void {
  const ahead = managerTime - Date.now();
  managerAheadMs = Math.abs(ahead) < noSkewMs ? 0 : ahead;
}
