import { once } from "node:events";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { UserError } from "../stack/user-error.ts";

/** The operator's side of a command: what it prints, what it asks, and the environment that it reads. */
export interface Terminal {
  readonly env: NodeJS.ProcessEnv;
  say(line: string): void;
  /** Asks for a secret without showing it. Undefined if nobody can be asked. */
  askSecret(question: string): Promise<string | undefined>;
}

/** The terminal of this process. */
export const ownTerminal: Terminal = {
  env: process.env,
  say: (line) => console.log(line),
  askSecret: async (question) => {
    if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined;
    process.stdout.write(question);
    const hidden = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input: process.stdin, output: hidden, terminal: true });
    // Ctrl-C ends the command, as at any other time.
    lines.once("SIGINT", () => {
      process.kill(process.pid, "SIGINT");
      lines.close();
    });
    const answer = await Promise.race([
      once(lines, "line").then(([line]) => String(line)),
      once(lines, "close").then(() => undefined),
    ]);
    lines.close();
    process.stdout.write("\n");
    return answer;
  },
};

/** Says the title of a step, then runs it. */
export async function step<T>(terminal: Terminal, title: string, run: () => Promise<T>): Promise<T> {
  terminal.say(`── ${title}`);
  return await run();
}

/** The manager's admin password: ADMIN_PASSWORD, or asked for. */
export async function askAdminPassword(terminal: Terminal): Promise<string> {
  const password = terminal.env.ADMIN_PASSWORD || (await terminal.askSecret("Admin password: "));
  if (!password)
    throw new UserError("set ADMIN_PASSWORD to the admin password: read -rs ADMIN_PASSWORD && export ADMIN_PASSWORD");
  return password;
}
