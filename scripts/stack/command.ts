import { Stack } from "./stack.ts";
import { UserError } from "./user-error.ts";

/** How often to see whether make still runs. */
const WATCH_MAKE_EVERY_MS = 250;

/**
 * Runs a script's `main`, stops everything that it started through the stack, and ends the process with the exit code
 * that `main` returned. A failure is exit code 1; Ctrl-C and SIGTERM stop the stack and are exit code 0.
 * If make is killed, that stops the stack too.
 */
export async function command(main: (stack: Stack) => Promise<number>): Promise<never> {
  const stack = new Stack();
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
    void stack.stop();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, interrupt);
  onMakeKilled(interrupt);
  const code = await main(stack).catch((error: unknown) => {
    // Failures while the stack is being stopped are a result of that.
    if (!interrupted) console.error(error instanceof UserError ? `zedops: ${error.message}` : error);
    return 1;
  });
  await stack.stop();
  process.exit(interrupted ? 0 : code);
}

/** A process whose parent ends gets another parent. Without make, that is wanted: `nohup node scripts/… &`. */
function onMakeKilled(call: () => void): void {
  if (process.env.MAKELEVEL === undefined) return;
  const make = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === make) return;
    clearInterval(watch);
    call();
  }, WATCH_MAKE_EVERY_MS);
  watch.unref();
}
