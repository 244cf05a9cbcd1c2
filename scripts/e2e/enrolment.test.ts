import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { enrolledId } from "../stack/agent.ts";
import { test } from "./fixtures.ts";
import { untilConnected } from "./lab.ts";
import { runScript } from "./run-script.ts";

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+\n$/;

test("a host enrols with a minted token and shows up online", async ({ lab, manager: _, dashboard }) => {
  await dashboard.page.getByText("No agents yet").waitFor();
  const { stdout: token } = await runScript("mint-token.ts", ["--manager", lab.url]);
  const { stateDir, log } = await lab.startAgent("edge-1", { token: token.trim() });

  await dashboard.untilArrival("edge-1");
  await dashboard.untilCount(1, 1);
  await dashboard.untilStatus("edge-1", "online");
  await untilConnected({ log });

  expect((await stat(stateDir)).mode & 0o777).toBe(0o700);
  for (const file of await readdir(stateDir)) expect((await stat(join(stateDir, file))).mode & 0o777).toBe(0o600);
  const stored = await readFile(join(stateDir, "token"), "utf8");
  expect(stored).toMatch(JWT);
  expect(stored).not.toBe(token);
});

test("a token that one host has used is refused for the next, which stops at once and logs the reason", async ({
  lab,
  manager: _,
}) => {
  const { stdout } = await runScript("mint-token.ts", ["--manager", lab.url]);
  const token = stdout.trim();
  await lab.startAgent("edge-2", { token });
  await lab.untilStatus("edge-2", "online");

  const second = await lab.startAgent("edge-3", { token });
  expect(await second.process.ended).toBe(77);
  expect(second.log.join("\n")).toContain("enrolment_used");
  expect((await lab.admin.agents()).map((agent) => agent.name)).not.toContain("edge-3");
  await lab.untilStatus("edge-2", "online");
});

test.for(["removed", "revoked"] as const)(
  "a host whose agent was %s enrols again when it is started again",
  async (fate, { lab, manager: _ }) => {
    const name = `edge-${fate}`;
    const first = await lab.startAgent(name);
    const { id } = await lab.untilStatus(name, "online");
    if (fate === "removed") await lab.admin.call("DELETE", `/api/agents/${id}`);
    else await lab.admin.call("POST", `/api/agents/${id}/revoke`);
    expect(await first.process.ended).toBe(77);

    const { stateDir } = await lab.startAgent(name);
    await expect.poll(() => enrolledId(stateDir), { timeout: 30_000 }).not.toBeOneOf([id, undefined]);
    const anew = (await enrolledId(stateDir)) ?? "";
    await expect.poll(async () => (await lab.admin.agent(anew))?.status, { timeout: 30_000 }).toBe("online");
  },
);

test("mint-token prints the token and nothing else", async ({ lab, manager: _ }) => {
  const minted = await runScript("mint-token.ts", [
    "--manager",
    lab.url,
    "--ttl",
    "2h",
    "--max-uses",
    "2",
    "--name",
    "x",
  ]);
  expect(minted).toMatchObject({ exitCode: 0, stderr: "" });
  expect(minted.stdout).toMatch(JWT);
  const claims: unknown = JSON.parse(Buffer.from(minted.stdout.split(".")[1] ?? "", "base64url").toString());
  expect(claims).toMatchObject({ exp: expect.closeTo(Date.now() / 1_000 + 7_200, -2) });
});

test.for([
  { fault: "a wrong password", args: [], env: { ADMIN_PASSWORD: "not-the-password" }, says: "password" },
  { fault: "a manager that is not there", args: ["--manager", "http://127.0.0.1:9"], env: {}, says: "cannot reach" },
  { fault: "a lifetime too short", args: ["--ttl", "59s"], env: {}, says: "--ttl must be from 1m to 30d" },
  { fault: "a lifetime too long", args: ["--ttl", "31d"], env: {}, says: "--ttl must be from 1m to 30d" },
  { fault: "too many uses", args: ["--max-uses", "10001"], env: {}, says: "--max-uses must be a whole number from 1" },
  { fault: "a manager's URL with a path", args: ["--manager", "http://127.0.0.1:9/x"], env: {}, says: "ends with" },
  { fault: "a lifetime that is none", args: ["--ttl", "soon"], env: {}, says: "duration" },
  { fault: "an unknown option", args: ["--colour"], env: {}, says: "--colour" },
])("mint-token explains $fault on standard error alone", async ({ args, env, says }, { lab, manager: _ }) => {
  const result = await runScript("mint-token.ts", args, { MANAGER_URL: lab.url, ...env });
  expect(result).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining(says) });
  expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("neither the manager nor an agent writes a secret into its log", async ({ lab, manager: _ }) => {
  await untilConnected(await lab.startAgent("edge-4"));
  const output = lab.output.join("\n");
  expect(output).toContain("connected");
  expect(output).not.toContain(lab.password);
  expect(output).not.toMatch(/eyJ[\w-]+\./);
});
