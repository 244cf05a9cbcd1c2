import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { agentVersion, buildAgents, platforms } from "./stack/agent-binaries.ts";
import { command } from "./stack/command.ts";
import { inRepository } from "./stack/repository.ts";

/** Vite copies this folder with every build of the dashboard, so the binaries survive one. */
const folder = inRepository("ui/public/download");

await command(async (stack) => {
  const version = await agentVersion();
  const unfinished = inRepository("agent/bin/download");
  const { binaries } = await buildAgents(stack, unfinished, {
    platforms,
    version,
    onBuilt: (file) => console.log(`zedops: built ${file}`),
  });
  // In one step, so that the list fits the files whatever happens.
  await rm(folder, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  await rename(unfinished, folder);
  console.log(
    `zedops: release ${version} for ${binaries.length} platforms; the next build of the dashboard (make up, make deploy) includes them`,
  );
  return 0;
});
