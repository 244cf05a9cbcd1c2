import { describeEnding } from "../stack/child.ts";
import { inRepository, projectEnvironment } from "../stack/repository.ts";
import type { Stack } from "../stack/stack.ts";

export interface ProcessOptions {
  /** Printed before each line of its output, because suites run side by side. */
  name: string;
  /** Its directory, from the repository's root. */
  folder: string;
  file: string;
  args: readonly string[];
  env?: Record<string, string>;
  /** Called with every line, which is not printed then. */
  onLine?: (line: string) => void;
}

/** Prints a line of a suite's output. */
export function say(name: string, line: string): void {
  console.log(`${name.padEnd(8)} │ ${line}`);
}

/** Runs a process of a suite to its end. Returns whether it succeeded. */
export async function runProcess(stack: Stack, options: ProcessOptions): Promise<boolean> {
  const { name, folder, file, args, env, onLine } = options;
  const child = stack.start({
    name,
    file,
    args,
    cwd: inRepository(folder),
    env: { ...projectEnvironment(), ...env },
    onLine: onLine ?? ((line) => say(name, line)),
  });
  const ending = await child.ended;
  // Kills the processes that it left behind, and waits for the rest of its output.
  await child.stop();
  if (ending !== 0) say(name, `✗ ${file} ended with ${describeEnding(ending)}`);
  return ending === 0;
}
