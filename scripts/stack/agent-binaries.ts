import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { z } from "zod";
import { describeEnding } from "./child.ts";
import { projectEnvironment, root } from "./repository.ts";
import type { Stack } from "./stack.ts";
import { UserError } from "./user-error.ts";

/** A system and a processor that the agent is built for. The names are Go's, but for `armv7`. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
}

/** Every platform of `make agents`. The installer finds a host's platform by these names. */
export const platforms: readonly Platform[] = [
  { os: "linux", arch: "amd64" },
  { os: "linux", arch: "arm64" },
  { os: "linux", arch: "armv7" },
  { os: "linux", arch: "386" },
  { os: "linux", arch: "riscv64" },
  { os: "darwin", arch: "amd64" },
  { os: "darwin", arch: "arm64" },
  { os: "freebsd", arch: "amd64" },
];

/** `agents.json`: what the manager serves under `/download/`, for programs. `SHA256SUMS` beside it is for people. */
export const AgentList = z.object({
  /** The agent's release number. */
  version: z.string(),
  binaries: z.array(
    z.object({ os: z.string(), arch: z.string(), file: z.string(), bytes: z.int(), sha256: z.hex().length(64) }),
  ),
});
export type AgentList = z.infer<typeof AgentList>;

/** The release number of the agent. It changes with the agent only, not with the manager. */
export async function agentVersion(repository = root): Promise<string> {
  return (await readFile(join(repository, "agent/VERSION"), "utf8")).trim();
}

interface BuildOptions {
  platforms: readonly Platform[];
  /** The version that the binaries print. */
  version: string;
  /** The root directory of the code; this repository by default. */
  repository?: string;
  /** Variables of the build, such as GOCACHE. */
  env?: Readonly<Record<string, string>>;
  onBuilt?: (file: string) => void;
}

/**
 * Builds the agent for each platform into an empty folder, with the list and the sums. `make agent` builds, so that every
 * binary has the same flags. Throws a UserError if a build fails.
 */
export async function buildAgents(stack: Stack, folder: string, options: BuildOptions): Promise<AgentList> {
  const { version, repository = root, env = {}, onBuilt } = options;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const binaries: AgentList["binaries"] = [];
  for (const platform of options.platforms) {
    const file = `zedops-agent-${platform.os}-${platform.arch}`;
    const path = join(folder, file);
    const build = stack.start({
      name: "build",
      file: "make",
      args: ["--no-print-directory", "agent", `VERSION=${version}`, `AGENT=${relative(repository, path)}`],
      cwd: repository,
      env: { ...projectEnvironment(), ...goEnvironment(platform), ...env },
    });
    const ending = await build.ended;
    if (ending !== 0) throw new UserError(`building ${file} ended with ${describeEnding(ending)}:\n${build.tail}`);
    const content = await readFile(path);
    const sha256 = createHash("sha256").update(content).digest("hex");
    binaries.push({ ...platform, file, bytes: content.length, sha256 });
    onBuilt?.(file);
  }
  const list = { version, binaries };
  await writeFile(join(folder, "agents.json"), `${JSON.stringify(list, undefined, 2)}\n`);
  const sums = binaries.map(({ sha256, file }) => `${sha256}  ${file}\n`);
  await writeFile(join(folder, "SHA256SUMS"), sums.join(""));
  return list;
}

/** The oldest processors of each kind, whatever the builder's own settings are. */
function goEnvironment({ os, arch }: Platform): Record<string, string> {
  const oldest = { GOAMD64: "v1", GO386: "sse2", GOARM: "7", GOARM64: "v8.0", GORISCV64: "rva20u64" };
  return { GOFLAGS: "", GOEXPERIMENT: "", GOOS: os, GOARCH: arch === "armv7" ? "arm" : arch, ...oldest };
}
