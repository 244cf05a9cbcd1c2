import { delimiter, dirname, join, resolve } from "node:path";

/** The repository's root directory. */
export const root = resolve(import.meta.dirname, "../..");

/** The full path of a path that starts at the repository's root. */
export const inRepository = (...segments: string[]): string => join(root, ...segments);

/** wrangler's entry point. The project's Node runs it, because the system's may be too old. */
export const wrangler = inRepository("node_modules/wrangler/bin/wrangler.js");

/** The agent for this machine, as `make agent` builds it. */
export const agentBinary = inRepository("agent/bin/zedops-agent");

/**
 * The environment of a child process: the project's Node and packages come first on the PATH, and wrangler makes no
 * calls.
 */
export function projectEnvironment(): NodeJS.ProcessEnv {
  const path = [dirname(process.execPath), inRepository("node_modules/.bin"), process.env.PATH ?? ""];
  return {
    ...process.env,
    PATH: path.join(delimiter),
    // To show the banner, wrangler looks for a newer version.
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_SEND_METRICS: "false",
  };
}
