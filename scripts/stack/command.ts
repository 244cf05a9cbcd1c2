import { Complaint } from "./complaint.ts";
import { Stack } from "./stack.ts";

/**
 * Runs a script's `main` and ends the process with the exit code it returns, after everything that `main` started
 * through the stack has ended too. A failure is exit code 1; Ctrl-C and SIGTERM stop the stack and are exit code 0.
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
    // What fails while everything is being stopped fails because of that.
    if (!interrupted) console.error(error instanceof Complaint ? `zedops: ${error.message}` : error);
    return 1;
  });
  await stack.stop();
  process.exit(interrupted ? 0 : code);
}
