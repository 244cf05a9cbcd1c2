import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { inRepository } from "../stack/repository.ts";

export interface ScriptResult {
  exitCode: unknown;
  stdout: string;
  stderr: string;
}

/**
 * Runs a script as a user would, with `env` added to the environment. ADMIN_PASSWORD is cleared: it may be for another
 * manager.
 */
export async function runScript(
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<ScriptResult> {
  const child = spawn(process.execPath, [inRepository("scripts", name), ...args], {
    env: { ...process.env, ADMIN_PASSWORD: "", ...env },
  });
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit") as Promise<unknown[]>,
  ]);
  return { exitCode, stdout, stderr };
}
