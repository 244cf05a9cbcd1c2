import { describe, expect } from "vitest";
import { canRunOpenrc } from "./machine.ts";
import { makeOpenrcRoot, startOpenrc } from "./openrc-host.ts";
import { test as base } from "./site.ts";

const lacking = await canRunOpenrc();
if (lacking !== undefined) console.warn(`SKIPPED, no OpenRC: ${lacking}`);

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the wanted fixtures off the pattern.
  .extend("root", { scope: "file" }, async ({}, { onCleanup }) => {
    const { root, remove } = await makeOpenrcRoot();
    onCleanup(remove);
    return root;
  })
  .extend("host", async ({ site: _, root }, { onCleanup }) => {
    const host = await startOpenrc(root);
    onCleanup(() => host.stop());
    return host;
  });

describe.runIf(lacking === undefined)("a host with busybox and OpenRC", () => {
  test("is installed, upgraded and removed by the same lines as one with systemd", async ({ lab, site, host }) => {
    const oneLiner = `wget -q -O - ${lab.url}/install.sh | sh`;
    const before = await host.changes();
    const token = await lab.admin.mintToken({});
    const begun = performance.now();
    const output = await host.must(`${oneLiner} -s -- --name "it's \\$HOME" --label env=prod`, {
      env: { ZEDOPS_TOKEN: token, NO_PROXY: "10.0.0.0/8" },
    });
    const { id } = await lab.untilStatus("it's $HOME", "online");
    console.log(`from the pasted line to online, OpenRC: ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
    expect(output).toContain("this host is connected to its manager ✓");
    expect(await lab.admin.call("GET", `/api/agents/${id}`)).toMatchObject({ labels: ["env=prod"] });
    expect(await host.must("stat -c '%a %U' /var/lib/zedops-agent /var/lib/zedops-agent/token")).toBe(
      "700 zedops-agent\n600 zedops-agent",
    );
    expect(
      (await host.run(`find /etc /run /var /tmp /usr/local -type f -exec grep -lF -e '${token.split(".")[2]}' {} +`))
        .output,
    ).toBe("");
    const pid = await host.must("pidof zedops-agent");
    expect(await host.must(`tr '\\0' '\\n' </proc/${pid}/environ`)).toContain("NO_PROXY=10.0.0.0/8");

    const old = site.version;
    await site.release("9.9.9");
    expect(await host.must(oneLiner)).toContain(`from ${old} to 9.9.9`);
    expect(await host.must("pidof zedops-agent")).not.toBe(pid);
    await expect
      .poll(() => lab.admin.call("GET", `/api/agents/${id}`))
      .toMatchObject({ status: "online", version: "9.9.9" });
    await site.release(old);

    await host.must(`${oneLiner} -s -- --uninstall`);
    expect((await host.run("pidof zedops-agent")).output).toBe("");
    expect(await host.changes()).toEqual(before);
  });

  test("has nothing half done after a token that is refused", async ({ lab, host }) => {
    const before = await host.changes();
    const { exitCode, output } = await host.run(`wget -q -O - ${lab.url}/install.sh | sh`, {
      env: { ZEDOPS_TOKEN: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl" },
    });
    expect(exitCode).toBe(1);
    expect(output).toContain("invalid_token");
    expect(await host.changes()).toEqual(before);
  });

  test("takes the program alone without a service, for a user who is not root", async ({ lab, site, host }) => {
    await host.must(
      "mkdir -m 777 /home; mkdir /home/u && chown 1000:1000 /home/u; echo u:x:1000:1000::/home/u:/bin/sh >>/etc/passwd",
    );
    const as = (command: string) => `su -s /bin/sh u -c '${command}'`;
    const oneLiner = `wget -q -O - ${lab.url}/install.sh | sh`;
    expect((await host.run(as(oneLiner))).output).toContain("--no-service --prefix ~/.local");

    const flags = "-s -- --no-service --prefix ~/.local";
    const output = await host.must(
      as(`ZEDOPS_TOKEN=${await lab.admin.mintToken({})} ${oneLiner} ${flags} --name plain`)
        .replace("ZEDOPS_TOKEN", "export ZEDOPS_TOKEN")
        .replace(" wget", "; wget"),
    );
    expect(output).toContain("this host is enrolled. Start the agent with: /home/u/.local/bin/zedops-agent");
    expect(await host.must("stat -c '%a %u' /home/u/.zedops-agent/token /home/u/.local/bin/zedops-agent")).toBe(
      "600 1000\n755 1000",
    );
    expect(await host.must(as("/home/u/.local/bin/zedops-agent --version"))).toBe(site.version);
    expect((await lab.agent("plain")).name).toBe("plain");
    await host.must(as(`${oneLiner} ${flags} --uninstall`));
    expect(await host.must("find /home -type f")).toBe("");
  });
});
