import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect } from "vitest";
import { inRepository } from "../stack/repository.ts";
import { test } from "./fixtures.ts";

const run = promisify(execFile);

/** All shell examples of a document. */
async function examples(file: string): Promise<string[]> {
  const text = await readFile(inRepository(file), "utf8");
  return Array.from(text.matchAll(/^```sh\n(.*?)^```$/gms), ([, script]) => script ?? "");
}

test("every curl example of docs/API.md works", async ({ lab, manager: _ }) => {
  await lab.startAgent("edge-7");
  const { id } = await lab.untilStatus("edge-7", "online");
  const scripts = await examples("docs/API.md");
  expect(scripts.length).toBeGreaterThanOrEqual(5);
  for (const script of scripts) {
    const env = { PATH: process.env.PATH, MANAGER: lab.url, ADMIN_PASSWORD: lab.password, AGENT_ID: id };
    const { stdout } = await run("sh", ["-euc", script], { env });
    const answer: unknown = JSON.parse(stdout);
    expect(answer, script).not.toHaveProperty("error");
  }
});
