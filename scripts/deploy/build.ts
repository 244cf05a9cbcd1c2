import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { runQuietly } from "../stack/foreground.ts";
import { projectEnvironment, root } from "../stack/repository.ts";
import { UserError } from "../stack/user-error.ts";
import { step, type Terminal } from "./terminal.ts";

/** Checks the code and builds all that a deploy uploads. */
export async function build(terminal: Terminal): Promise<void> {
  await run(terminal, "Checking the manager", "npm", "run", "--silent", "check", "--workspace", "manager");
  await run(terminal, "Checking the dashboard", "npm", "run", "--silent", "check", "--workspace", "ui");
  // Before the dashboard, whose build includes them.
  await run(terminal, "Building the agents", "make", "agents");
  await run(terminal, "Building the dashboard", "npm", "run", "--silent", "build", "--workspace", "ui");
  await run(terminal, "Building the Worker", "npm", "run", "--silent", "build", "--workspace", "manager");
}

/** The release that is deployed: git's name for the commit. */
export async function release(): Promise<string> {
  const args = ["-c", "safe.directory=*", "describe", "--tags", "--always", "--dirty"];
  const { ok, output } = await runQuietly(".", "git", ...args);
  return ok ? output.trim() : "unknown";
}

/** Its output is shown only if it fails. */
async function run(terminal: Terminal, title: string, file: string, ...args: string[]): Promise<void> {
  await step(terminal, title, async () => {
    const child = spawn(file, args, { cwd: root, env: projectEnvironment(), stdio: ["ignore", "pipe", "pipe"] });
    const [output, errors, [code]]: [string, string, unknown[]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "exit"),
    ]);
    if (code !== 0) throw new UserError(`nothing was deployed, because a step failed: ${title}\n${output}${errors}`);
  });
}
