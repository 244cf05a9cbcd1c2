import { cp, mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AgentList, agentVersion, buildAgents, type Platform } from "../stack/agent-binaries.ts";
import { inRepository } from "../stack/repository.ts";
import { Stack } from "../stack/stack.ts";
import { thisPlatform } from "./machine.ts";

const foreign: Platform = { os: "linux", arch: thisPlatform().arch === "arm64" ? "amd64" : "arm64" };

test("the same sources give the same bytes, in another folder and without what was compiled before", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "zedops-agents-"));
  const stack = new Stack();
  try {
    const copy = join(folder.path, "elsewhere", "copy");
    for (const file of ["agent", "Makefile", "scripts/require-tools.sh"])
      await cp(inRepository(file), join(copy, file), { recursive: true, filter: (path) => !path.endsWith("/bin") });
    const options = { platforms: [foreign], version: await agentVersion() };
    const here = await buildAgents(stack, join(folder.path, "here"), options);
    const there = await buildAgents(stack, join(folder.path, "there"), {
      ...options,
      repository: copy,
      env: { GOCACHE: join(folder.path, "cache") },
    });
    expect(there).toEqual(here);
    const list = AgentList.parse(JSON.parse(await readFile(join(folder.path, "here/agents.json"), "utf8")));
    const [binary] = list.binaries;
    expect(list).toMatchObject({ version: options.version, binaries: [foreign] });
    expect(binary?.bytes).toBeLessThan(8_000_000);
    expect(await readFile(join(folder.path, "here/SHA256SUMS"), "utf8")).toBe(`${binary?.sha256}  ${binary?.file}\n`);
  } finally {
    await stack.stop();
  }
});

test("the release number of the agent is its own", async () => {
  expect(await agentVersion()).toMatch(/^\d+\.\d+\.\d+$/);
});
