import { describe, expect, inject } from "vitest";
import type { IsolatedRoot } from "./isolated-root.ts";
import type { Site } from "./site.ts";
import { mainPid, test } from "./systemd-host.ts";

/** The programs that an installation changes something with, or gets something with. */
const programs = ["mktemp", "mkdir", "curl", "sha256sum", "cp", "cat", "chmod", "mv", "systemctl"];

/**
 * Puts programs in front of the real ones that count their calls, and fail at one of them: the script's `$FAIL_AT`th.
 * `/run/calls` is the list of calls.
 */
async function addFaultyPrograms(host: IsolatedRoot): Promise<void> {
  const faulty = `#!/bin/sh
printf '%s\\n' "\${0##*/} $*" >>/run/calls
if [ "$(/usr/bin/wc -l </run/calls)" = "$FAIL_AT" ]; then
  [ "$KILL" = "" ] || { kill -s "$KILL" "$PPID"; exit 0; }
  echo "\${0##*/}: no space left on device" >&2
  exit 1
fi
exec "/usr/bin/\${0##*/}" "$@"
`;
  await host.must(`mkdir -p /run/faulty; cat >/run/faulty/mv; chmod 755 /run/faulty/mv`, { input: faulty });
  for (const program of programs.filter((name) => name !== "mv")) await host.must(`ln -sf mv /run/faulty/${program}`);
}

interface Attempt {
  exitCode: number | null;
  output: string;
  /** The call that failed; undefined if the script made fewer calls. */
  failed: string | undefined;
}

async function attempt(
  host: IsolatedRoot,
  script: string,
  { failAt, token = "", kill = "" }: { failAt: number; token?: string; kill?: string },
): Promise<Attempt> {
  const { exitCode, output } = await host.run(`rm -f /run/calls; PATH=/run/faulty:$PATH sh -c '${script}'`, {
    env: { FAIL_AT: String(failAt), ZEDOPS_TOKEN: token, KILL: kill },
  });
  const calls = (await host.run("cat /run/calls")).output.split("\n");
  return { exitCode, output, failed: calls[failAt - 1] || undefined };
}

/** The script itself is downloaded before anything fails. */
async function saveScript(host: IsolatedRoot, site: Site): Promise<string> {
  await host.must(`curl -fsS -o /run/install.sh ${site.lab.url}/install.sh`);
  return "sh /run/install.sh";
}

describe.runIf(inject("debian") !== undefined)("a step that fails", () => {
  test("leaves a host as it was, whichever step of an installation it is", async ({ lab, site, host }) => {
    const script = await saveScript(host, site);
    await addFaultyPrograms(host);
    const token = await lab.admin.mintToken({ maxUses: 1_000 });
    const before = await host.changes();
    const failures: string[] = [];
    for (let failAt = 1; ; failAt++) {
      const { exitCode, output, failed } = await attempt(host, script, { failAt, token });
      if (failed === undefined) {
        expect(exitCode, output).toBe(0);
        break;
      }
      if (exitCode === 0) {
        // The call was a question to which "no" is an answer, or came when everything was done.
        expect(
          await host.must("systemctl is-active zedops-agent; ls /run/systemd/system /run | grep -c zedops || :"),
        ).toBe("active\n0");
        await host.must(`${script} --uninstall`);
      } else {
        expect(output, failed).toMatch(/^zedops: (?!undoing|the SHA)/m);
        failures.push(failed);
      }
      expect(await host.changes(), `after the failure of "${failed}":\n${output}`).toEqual(before);
      expect(await host.must("systemctl is-active zedops-agent || :")).toMatch(/^(inactive|unknown)$/);
    }
    console.log(`an installation was undone after the failure of ${failures.length} different steps`);
    expect(failures.length).toBeGreaterThan(12);
  });

  test("of an upgrade leaves the agent of before running", async ({ lab, site, host }) => {
    const script = await saveScript(host, site);
    await host.must(`${script} --name kept`, { env: { ZEDOPS_TOKEN: await lab.admin.mintToken({}) } });
    const { id } = await lab.untilStatus("kept", "online");
    await addFaultyPrograms(host);
    const old = site.version;
    await site.release("9.9.9");
    const before = await host.changes();
    let failures = 0;
    for (let failAt = 1; ; failAt++) {
      const { exitCode, output, failed } = await attempt(host, script, { failAt });
      expect(await mainPid(host), output).toBeGreaterThan(0);
      if (failed === undefined) {
        expect(exitCode, output).toBe(0);
        break;
      }
      if (exitCode === 0) {
        expect(await host.must("/usr/local/bin/zedops-agent --version")).toBe("9.9.9");
        await site.release(old);
        await host.must(script);
        await site.release("9.9.9");
      } else failures += 1;
      expect(await host.changes(), `after the failure of "${failed}":\n${output}`).toEqual(before);
    }
    console.log(`an upgrade was undone after the failure of ${failures} different steps`);
    expect(failures).toBeGreaterThan(12);
    expect((await lab.untilStatus("kept", "online")).id).toBe(id);
    await site.release(old);
  });

  test("is undone too if the script is ended, by Ctrl-C or by a log-out", async ({ lab, site, host }) => {
    const script = await saveScript(host, site);
    await addFaultyPrograms(host);
    const token = await lab.admin.mintToken({ maxUses: 1_000 });
    const before = await host.changes();
    for (const [kill, exitCode] of [
      ["INT", 130],
      ["HUP", 129],
      ["TERM", 143],
    ] as const)
      for (const failAt of [3, 12, 17]) {
        const result = await attempt(host, script, { failAt, token, kill });
        expect(result.exitCode, result.output).toBe(exitCode);
        expect(await host.changes(), `after ${kill} during "${result.failed}"`).toEqual(before);
      }
  });

  test("includes a program that is damaged, and a download that was cut off", async ({ lab, site, host }) => {
    const before = await host.changes();
    const token = await lab.admin.mintToken({});
    await host.must(`mkdir -p /run/bad; cat >/run/bad/curl; chmod 755 /run/bad/curl`, {
      input: `#!/bin/sh\n/usr/bin/curl "$@" || exit\nfor to; do [ "$before" = -o ] && break; before=$to; done\ncase $* in *amd64* | *arm64*) echo x >>"$to" ;; esac\n`,
    });
    const script = await saveScript(host, site);
    const { exitCode, output } = await host.run(`PATH=/run/bad:$PATH ${script}`, { env: { ZEDOPS_TOKEN: token } });
    expect(exitCode).toBe(1);
    expect(output).toContain("the download is damaged");
    expect(await host.changes()).toEqual(before);

    // Cut off anywhere, the script runs nothing.
    const bytes = Number(await host.must("wc -c </run/install.sh"));
    for (const share of [0.1, 0.35, 0.6, 0.85, 0.999]) {
      const cut = await host.run(`head -c ${Math.floor(bytes * share)} /run/install.sh | sh`, {
        env: { ZEDOPS_TOKEN: token },
      });
      expect(cut.output).not.toContain("zedops:");
      expect(await host.changes()).toEqual(before);
    }
  });
});
