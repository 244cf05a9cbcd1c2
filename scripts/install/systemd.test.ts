import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject } from "vitest";
import { Authority } from "../e2e/certificates.ts";
import { TlsProxy } from "../e2e/tls-proxy.ts";
import { inRepository } from "../stack/repository.ts";
import type { IsolatedRoot } from "./isolated-root.ts";
import type { Site } from "./site.ts";
import { exposure, mainPid, test } from "./systemd-host.ts";

/**
 * The environment for the build of an agent that waits a second, and not a minute, before it shows its refused tokens again
 * and then an enrolment token. Nothing else differs.
 */
async function overlay(folder: string): Promise<Record<string, string>> {
  const source = inRepository("agent/internal/link/refused.go");
  const minute = "const confirmation = time.Minute\n";
  const text = await readFile(source, "utf8");
  expect(text).toContain(minute);
  const [hasty, list] = [join(folder, "refused.go"), join(folder, "overlay.json")];
  await writeFile(hasty, text.replace(minute, "const confirmation = time.Second\n"));
  await writeFile(list, JSON.stringify({ Replace: { [source]: hasty } }));
  return { GOFLAGS: `-overlay=${list}` };
}

/** Installs the agent on a host, and returns its id. */
async function install(site: Site, host: IsolatedRoot, name: string): Promise<string> {
  await host.must(`${site.oneLiner} -s -- --name ${name}`, {
    env: { ZEDOPS_TOKEN: await site.lab.admin.mintToken({}) },
  });
  return (await site.lab.untilStatus(name, "online")).id;
}

describe.runIf(inject("debian") !== undefined)("a Debian that systemd has booted", () => {
  test("gets an agent that is online from one pasted line, and loses it without a trace", async ({
    lab,
    site,
    host,
  }) => {
    const before = await host.changes();
    const token = await lab.admin.mintToken({});
    const name = `rack 4, "left" $HOME 100%`;
    const begun = performance.now();
    const { exitCode, output } = await host.runOnTerminal(
      `${site.oneLiner} -s -- --name '${name}' --label env=prod --label spare`,
      { prompt: /Enrolment token for .*: $/, answer: token },
    );
    expect(exitCode, output).toBe(0);
    await lab.untilStatus(name, "online");
    const seconds = (performance.now() - begun) / 1_000;
    console.log(`from the pasted line to online: ${seconds.toFixed(1)} s`);
    expect(seconds).toBeLessThan(60);

    expect(output).toContain("this host is connected to its manager ✓");
    expect(output).toContain(`installed /usr/local/bin/zedops-agent ${site.version}`);
    expect(output).not.toContain(token);
    const { id } = await lab.agent(name);
    expect(await lab.admin.call("GET", `/api/agents/${id}`)).toMatchObject({ labels: ["env=prod", "spare"] });

    // The token was for the first start, and is nowhere any more.
    const secret = token.split(".")[2] ?? "";
    expect(
      (await host.run(`find /etc /run /var /tmp /usr/local /root -type f -exec grep -lF -e '${secret}' {} +`)).output,
    ).toBe("");
    expect(await host.must("systemctl cat zedops-agent")).not.toContain("enrolment.conf");
    expect(await host.must("tr '\\0' ' ' </proc/$(systemctl show -P MainPID zedops-agent)/cmdline")).toBe(
      `/usr/local/bin/zedops-agent --state-dir /var/lib/zedops-agent --manager ${lab.url} --token-file - --name ${name} --label env=prod --label spare`,
    );
    expect(await host.must("stat -L -c %a /var/lib/zedops-agent; stat -c %a /var/lib/zedops-agent/*")).toMatch(
      /^700(\n600)+$/,
    );
    expect(await host.must("systemctl is-enabled zedops-agent")).toBe("enabled");

    expect(await host.must(`${site.oneLiner} -s -- --uninstall`)).toContain("removed the agent");
    expect(await host.changes()).toEqual(before);
    expect(
      await host.must("systemctl list-unit-files --no-legend 'zedops*'; grep -lx zedops-agent /proc/[0-9]*/comm || :"),
    ).toBe("");
  });

  test("runs the agent in a sandbox, as a user that exists only while it runs", async ({ site, host }) => {
    await install(site, host, "sandbox");
    const level = await exposure(host);
    console.log(`systemd-analyze security: ${level}`);
    expect(level).toBeLessThanOrEqual(2);
    const status = await host.must(`cat /proc/${await mainPid(host)}/status`);
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    const uid = Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
    expect(uid).toBeGreaterThanOrEqual(61_184);
    expect(uid).toBeLessThanOrEqual(65_519);
    expect(await host.must("systemd-analyze verify zedops-agent.service")).toBe("");
  });

  test("is upgraded in place by the same line, and keeps its identity", async ({ lab, site, host }) => {
    const id = await install(site, host, "upgraded");
    const before = await mainPid(host);
    const state = await host.must("cat /var/lib/zedops-agent/install-id");

    expect(await host.must(site.oneLiner)).toContain(`is ${site.version} already`);
    const old = site.version;
    await site.release("9.9.9");
    const output = await host.must(site.oneLiner);
    expect(output).toContain(`upgraded /usr/local/bin/zedops-agent from ${old} to 9.9.9`);
    expect(await host.must("/usr/local/bin/zedops-agent --version")).toBe("9.9.9");
    expect(await mainPid(host)).not.toBe(before);
    expect(await host.must("grep -lx zedops-agent /proc/[0-9]*/comm | wc -l")).toBe("1");
    await lab.untilStatus("upgraded", "online");
    expect(await lab.admin.call("GET", `/api/agents/${id}`)).toMatchObject({ version: "9.9.9" });
    expect(await host.must("cat /var/lib/zedops-agent/install-id")).toBe(state);
    await site.release(old);
  });

  test("trusts the authority of --ca-file: the script, the agent and doctor do", async ({
    lab,
    site,
    host,
    onTestFinished,
  }) => {
    const authority = await Authority.create(lab.dir, "private");
    const front = await TlsProxy.open(lab.url, await authority.sign(2));
    onTestFinished(() => front.close());
    const before = await host.changes();
    await host.must("cat >/run/ca.pem", { input: await readFile(authority.file) });
    const oneLiner = `curl -fsSL --cacert /run/ca.pem ${front.url}/install.sh | sh`;
    const env = { ZEDOPS_TOKEN: await site.lab.admin.mintToken({}) };

    const distrustful = await host.run(oneLiner, { env });
    expect(distrustful.exitCode).toBe(1);
    expect(distrustful.output).toContain(`cannot download ${front.url}/download/SHA256SUMS`);
    expect(await host.changes()).toEqual(before);

    await host.must(`${oneLiner} -s -- --name private --ca-file /run/ca.pem`, { env });
    await lab.untilStatus("private", "online");
    expect(await host.must("cat /var/lib/zedops-agent/manager")).toBe(front.url);
    // The file of the command line may go.
    await host.must("rm /run/ca.pem; systemctl restart zedops-agent; zedops-agent status --wait 60s");
    expect(await host.must("zedops-agent doctor")).toMatch(/^ok +tls +.*certificate valid until/m);
    await host.must("systemctl stop zedops-agent");
    expect((await host.run("zedops-agent doctor")).output).toContain("[no_authorities]");
    await host.must("systemctl start zedops-agent");

    await host.must("cat >/run/ca.pem", { input: await readFile(authority.file) });
    await host.must(`${oneLiner} -s -- --uninstall; rm /run/ca.pem`);
    expect(await host.changes()).toEqual(before);
  });

  test("whose token is refused is enrolled again by the line with a new token", async ({ lab, site, host }) => {
    const released = site.version;
    await site.release("9.9.8", await overlay(lab.dir));
    const id = await install(site, host, "refused");
    await host.must(
      `systemctl stop zedops-agent
       printf 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl\n' >/var/lib/private/zedops-agent/token
       systemctl start zedops-agent`,
    );
    await expect
      .poll(async () => (await host.run("zedops-agent status --json")).output, { timeout: 60_000 })
      .toContain('"lastErrorCode":"invalid_token"');
    const output = await host.must(`${site.oneLiner} -s -- --name again`, {
      env: { ZEDOPS_TOKEN: await lab.admin.mintToken({}) },
    });
    expect(output).toContain("this host is connected to its manager ✓");
    expect((await lab.untilStatus("again", "online")).id).not.toBe(id);
    expect(await host.must("systemctl cat zedops-agent")).not.toContain("enrolment.conf");
    expect(await host.must("systemctl show -P NRestarts zedops-agent")).toBe("0");
    await site.release(released);
  });

  test("restarts an agent that does nothing any more", async ({ lab, site, host }) => {
    await install(site, host, "wedged");
    // Minutes in a real installation.
    await host.must(
      `d=/etc/systemd/system/zedops-agent.service.d; mkdir -p $d
       printf '[Service]\\nWatchdogSec=4\\nTimeoutAbortSec=1\\nRestartSec=1\\n' >$d/test.conf
       systemctl daemon-reload; systemctl restart zedops-agent`,
    );
    await expect.poll(async () => (await host.run("zedops-agent status")).exitCode, { timeout: 60_000 }).toBe(0);
    const wedged = await mainPid(host);
    await host.must(`kill -STOP ${wedged}`);
    await expect.poll(() => mainPid(host), { timeout: 60_000 }).not.toBeOneOf([wedged, 0]);
    await lab.untilStatus("wedged", "online");
    expect(await host.must("systemctl show -P NRestarts zedops-agent")).toBe("1");
  });

  test("boots while the manager is away, and its agent connects later", async ({ lab, site, host }) => {
    await install(site, host, "rebooted");
    await lab.killManager();
    await host.reboot();
    // The same as is-system-running, without the units that have nothing to do with it.
    await expect
      .poll(async () => (await host.run("systemctl is-active multi-user.target")).output.trim())
      .toBe("active");
    await expect.poll(async () => (await host.run("systemctl is-active zedops-agent")).output.trim()).toBe("active");
    await site.start();
    await lab.untilStatus("rebooted", "online");
    expect(await host.must("systemctl show -P NRestarts zedops-agent")).toBe("0");
  });

  test("has nothing half done after a token that is refused", async ({ host, site }) => {
    const before = await host.changes();
    const refused = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
    const { exitCode, output } = await host.run(site.oneLiner, { env: { ZEDOPS_TOKEN: refused } });
    expect(exitCode).toBe(1);
    expect(output).toContain("invalid_token");
    expect(output).toContain("undoing this installation");
    expect(output).not.toContain(refused);
    expect(await host.changes()).toEqual(before);
  });

  test("that was set up by hand is adopted with its identity, and given back if that fails", async ({
    lab,
    site,
    host,
  }) => {
    await host.must("cat >/usr/local/bin/zedops-agent && chmod 755 /usr/local/bin/zedops-agent", {
      input: await site.binary(),
    });
    await host.must(
      `useradd --system --home-dir /var/lib/zedops-agent --shell /usr/sbin/nologin zedops-agent
       install -d -m 0700 -o zedops-agent -g zedops-agent /var/lib/zedops-agent
       cat >/etc/systemd/system/zedops-agent.service <<END
[Service]
User=zedops-agent
ExecStart=/usr/local/bin/zedops-agent --state-dir /var/lib/zedops-agent
Restart=always
ProtectSystem=strict
ReadWritePaths=/var/lib/zedops-agent
[Install]
WantedBy=multi-user.target
END
       cd /var/lib/zedops-agent
       exec 3<&0
       runuser -u zedops-agent -- /usr/local/bin/zedops-agent --state-dir /var/lib/zedops-agent --manager ${lab.url} \\
         --name adopted --token-file - <&3 & agent=$!
       until [ -s token ]; do sleep 0.1; done; kill $agent; wait $agent
       systemctl daemon-reload; systemctl enable --now zedops-agent`,
      { input: `${await lab.admin.mintToken({})}\n` },
    );
    const { id } = await lab.untilStatus("adopted", "online");
    const before = await host.changes();

    // The new unit does not start, as on a host whose systemd is broken; the old one must run again.
    const broken = `mkdir -p /run/shim; printf '#!/bin/sh\\nif [ "$1" = restart ] && mkdir /run/shim/once 2>/dev/null; then /usr/bin/systemctl "$@"; exit 1; fi; exec /usr/bin/systemctl "$@"' >/run/shim/systemctl; chmod 755 /run/shim/systemctl`;
    await host.must(broken);
    const failed = await host.run(`PATH=/run/shim:$PATH; ${site.oneLiner}`);
    expect(failed.exitCode, failed.output).toBe(1);
    expect(await host.changes()).toEqual(before);
    await lab.untilStatus("adopted", "online");

    await host.must(site.oneLiner);
    expect((await lab.untilStatus("adopted", "online")).id).toBe(id);
    expect(await host.must("systemctl show -P DynamicUser zedops-agent")).toBe("yes");
    expect(await exposure(host)).toBeLessThanOrEqual(2);

    await host.must(`${site.oneLiner} -s -- --uninstall`);
    expect(
      await host.must("grep zedops /etc/passwd /etc/group; ls -d /var/lib/zedops* /var/lib/private/* 2>/dev/null || :"),
    ).toBe("");
  });
});
