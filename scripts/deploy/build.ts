import { runInForeground, runQuietly } from "../stack/foreground.ts";
import { inRepository } from "../stack/repository.ts";
import { UserError } from "../stack/user-error.ts";
import { step, type Terminal } from "./terminal.ts";

/** Checks the code and builds all that a deploy uploads. */
export async function build(terminal: Terminal): Promise<void> {
  await run(terminal, "Checking the manager", "npm", "run", "--silent", "check", "--workspace", "manager");
  await run(terminal, "Checking the dashboard", "npm", "run", "--silent", "check", "--workspace", "ui");
  // Before the dashboard, whose build includes them.
  if ((await runQuietly(".", "make", "-n", "agents")).ok) await run(terminal, "Building the agents", "make", "agents");
  await run(terminal, "Building the dashboard", "npm", "run", "--silent", "build", "--workspace", "ui");
  await run(terminal, "Building the Worker", "npm", "run", "--silent", "build", "--workspace", "manager");
}

/** The release that is deployed: git's name for the commit. */
export async function release(): Promise<string> {
  const { ok, output } = await runQuietly(
    ".",
    "git",
    "-c",
    "safe.directory=*",
    "describe",
    "--tags",
    "--always",
    "--dirty",
  );
  return ok ? output.trim() : "unknown";
}

async function run(terminal: Terminal, title: string, file: string, ...args: string[]): Promise<void> {
  await step(terminal, title, async () => {
    if (!(await runInForeground(".", file, ...args)))
      throw new UserError(`${title.toLowerCase()} failed, see above; nothing was deployed (in ${inRepository(".")})`);
  });
}
