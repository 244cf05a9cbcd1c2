import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { inRepository } from "../stack/repository.ts";

export interface ScriptResult {
  exitCode: unknown;
  stdout: string;
  stderr: string;
}

/** Runs one of the scripts as a user would, in this environment plus `env`. An admin password there is another manager's. */
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
