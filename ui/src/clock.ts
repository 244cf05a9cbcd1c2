import { createRoot, createSignal, onCleanup } from "solid-js";

const [now, setNow] = createRoot(() => createSignal(Date.now()));
let users = 0;
let timer: ReturnType<typeof setInterval> | undefined;
let managerAheadMs = 0;

/** The `Date` header counts whole seconds and the answer took its time: less than this is no skew. */
const noSkewMs = 2_500;

const tick = () => setNow(Date.now());

/**
 * The browser's time in Unix milliseconds, moved on once a second by one timer that all who ask share and that stops
 * with the last of them. Call it while a component is set up.
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

/** Same, on the manager's clock: a wrong clock on the operator's machine must not make a live agent look hours gone. */
export function useManagerClock(): () => number {
  const browser = useClock();
  return () => browser() + managerAheadMs;
}

/** Tells the clocks what time the manager said it was just now. */
export function noteManagerTime(managerTime: number): void {
  const ahead = managerTime - Date.now();
  managerAheadMs = Math.abs(ahead) < noSkewMs ? 0 : ahead;
}
