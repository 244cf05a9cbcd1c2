import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { inRepository, projectEnvironment } from "./repository.ts";

export interface Result {
  ok: boolean;
  /** Its standard output. */
  output: string;
}

/** Runs a command in a folder of the repository on this terminal. Returns whether it succeeded. */
export async function runInForeground(folder: string, file: string, ...args: string[]): Promise<boolean> {
  const child = spawn(file, args, { cwd: inRepository(folder), env: projectEnvironment(), stdio: "inherit" });
  const [code]: unknown[] = await once(child, "exit");
  return code === 0;
}

/** Runs a command in a folder of the repository without showing its output, and returns its standard output. */
export async function runQuietly(folder: string, file: string, ...args: string[]): Promise<Result> {
  const child = spawn(file, args, {
    cwd: inRepository(folder),
    env: projectEnvironment(),
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [output, [code]]: [string, unknown[]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  return { ok: code === 0, output };
}
