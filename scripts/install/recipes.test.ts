import { readFile } from "node:fs/promises";
import { describe, expect, inject } from "vitest";
import { inRepository } from "../stack/repository.ts";
import { test } from "./systemd-host.ts";

/** The recipes of docs/OPERATIONS.md, each as the text of its block. */
const recipes = [...(await readFile(inRepository("docs/OPERATIONS.md"), "utf8")).matchAll(/```yaml\n(.*?)```/gs)].map(
  ([, text]) => text ?? "",
);

describe.runIf(inject("debian") !== undefined)("docs/OPERATIONS.md", () => {
  test("has a recipe for cloud-init whose commands install the agent", async ({ lab, host }) => {
    const recipe = recipes.find((text) => text.startsWith("#cloud-config")) ?? "";
    const [, path = ""] = /- path: (\S+)/.exec(recipe) ?? [];
    const [, mode = ""] = /permissions: "(\d+)"/.exec(recipe) ?? [];
    await host.must(`cat >${path} && chmod ${mode} ${path}`, {
      input: `${await lab.admin.mintToken({ name: "cloud" })}\n`,
    });
    const commands = [...(recipe.split("runcmd:")[1] ?? "").matchAll(/^ {2}- (.*)$/gm)].map(
      ([, command]) => command ?? "",
    );
    expect(commands).toHaveLength(2);
    for (const command of commands) await host.must(command.replace("https://zedops.example.workers.dev", lab.url));
    const { id } = await lab.untilStatus("cloud", "online");
    expect(await lab.admin.call("GET", `/api/agents/${id}`)).toMatchObject({ labels: ["site=berlin"] });
    expect((await host.run(`ls ${path}`)).exitCode).not.toBe(0);
  });

  test("has a recipe for Ansible that installs the agent, and upgrades it when it runs again", async ({
    lab,
    host,
  }) => {
    const recipe = recipes.find((text) => text.includes("ansible.builtin.shell")) ?? "";
    const command = (recipe.split(">-\n")[1] ?? "").trim().replace("{{ inventory_hostname }}", "web-1");
    expect(recipe).toContain("no_log: true");
    const token = await lab.admin.mintToken({});
    for (const said of ["installed", "already"]) {
      const output = await host.must(command.replace("https://zedops.example.workers.dev", lab.url), {
        env: { ZEDOPS_TOKEN: token },
      });
      expect(output).toContain(said);
      await lab.untilStatus("web-1", "online");
    }
  });
});
