import { delimiter, dirname, join, resolve } from "node:path";

/** The repository's root directory. */
export const root = resolve(import.meta.dirname, "../..");

/** The root's path of a file that is named from the repository's root. */
export const inRepository = (...segments: string[]): string => join(root, ...segments);

/** wrangler's entry point, to be run by this very Node: the system's may be too old for it. */
export const wrangler = inRepository("node_modules/wrangler/bin/wrangler.js");

/** The agent for this machine, as `make agent` builds it. */
export const agentBinary = inRepository("agent/bin/zedops-agent");

/** The environment of a child: this very Node and the installed packages first, and a wrangler that calls nobody. */
export function projectEnvironment(): NodeJS.ProcessEnv {
  const path = [dirname(process.execPath), inRepository("node_modules/.bin"), process.env.PATH ?? ""];
  return {
    ...process.env,
    PATH: path.join(delimiter),
    // The banner looks for a newer version.
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_SEND_METRICS: "false",
  };
}
