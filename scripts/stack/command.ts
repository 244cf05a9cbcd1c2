import { Stack } from "./stack.ts";
import { UserError } from "./user-error.ts";

/**
 * Runs a script's `main`, stops everything that it started through the stack, and ends the process with the exit code
 * that `main` returned. A failure is exit code 1; Ctrl-C and SIGTERM stop the stack and are exit code 0.
 */
export async function command(main: (stack: Stack) => Promise<number>): Promise<never> {
  const stack = new Stack();
  let interrupted = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      interrupted = true;
      void stack.stop();
    });
  }
  const code = await main(stack).catch((error: unknown) => {
    // Failures while the stack is being stopped are a result of that.
    if (!interrupted) console.error(error instanceof UserError ? `zedops: ${error.message}` : error);
    return 1;
  });
  await stack.stop();
  process.exit(interrupted ? 0 : code);
}
