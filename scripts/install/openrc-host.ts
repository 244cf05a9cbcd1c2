import { execFile } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { IsolatedRoot } from "./isolated-root.ts";

const run = promisify(execFile);

/** What a host with OpenRC has besides busybox. */
const openrc = [
  ...["/sbin/openrc", "/sbin/openrc-run", "/sbin/rc-service", "/sbin/rc-update", "/sbin/supervise-daemon"],
  "/bin/rc-status",
];

/** Debian's busybox cannot make users, as that of Alpine can. So the usual programs do. */
const forUsers = ["/usr/sbin/useradd", "/usr/sbin/userdel", "/usr/sbin/groupdel"];

/** Files of configuration; the root directory has a home for everything else. */
const files: Readonly<Record<string, string>> = {
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
  "etc/group": "root:x:0:\nnogroup:x:65534:\n",
  "etc/shadow": "root:*:1::::::\n",
  "etc/rc.conf": 'rc_sys="lxc"\nrc_logger="NO"\n',
  "etc/inittab": "::sysinit:/sbin/openrc sysinit\n::wait:/sbin/openrc boot\n::wait:/sbin/openrc default\n",
  // supervise-daemon opens a session of PAM for a service's user.
  "etc/pam.d/other": "session required pam_permit.so\naccount required pam_permit.so\nauth required pam_deny.so\n",
  "etc/login.defs": "SYS_UID_MIN 100\nSYS_UID_MAX 999\nSYS_GID_MIN 100\nSYS_GID_MAX 999\n",
};

/**
 * Makes the root directory of a host with busybox and OpenRC, and returns it with a function that removes it. `BUSYBOX` names
 * another busybox than that of this machine, such as one with `adduser`.
 */
export async function makeOpenrcRoot(): Promise<{ root: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "zedops-openrc-"));
  const root = join(folder, "root");
  for (const name of [
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib64",
    "etc/init.d",
    "etc/conf.d",
    "etc/pam.d",
    "var/lib",
  ])
    await mkdir(join(root, name), { recursive: true });
  for (const name of ["bin", "sbin", "lib", "lib64"]) await symlink(`usr/${name}`, join(root, name));
  for (const name of ["dev", "proc", "sys", "run", "tmp", "root", "var/log", "usr/local/bin"])
    await mkdir(join(root, name), { recursive: true });
  await symlink("../run", join(root, "var/run"));
  for (const [file, text] of Object.entries(files)) await writeFile(join(root, file), text);
  for (const level of ["sysinit", "boot", "default", "shutdown"])
    await mkdir(join(root, "etc/runlevels", level), { recursive: true });

  const busybox = process.env.BUSYBOX ?? (await run("sh", ["-c", "command -v busybox"])).stdout.trim();
  const { stdout: applets } = await run(busybox, ["--list"]);
  const programs = applets.split("\n").includes("adduser") ? openrc : [...openrc, ...forUsers];
  await cp(busybox, join(root, "bin/busybox"), { dereference: true });
  await run(busybox, ["chroot", root, "/bin/busybox", "--install", "-s"]);
  await cp("/lib/rc", join(root, "lib/rc"), { recursive: true, verbatimSymlinks: true });
  await mkdir(join(root, "lib/rc/cache"), { recursive: true });
  const helpers = (await readdir(join(root, "lib/rc/bin"))).map((name) => `/lib/rc/bin/${name}`);
  for (const program of programs) {
    await rm(join(root, program), { force: true });
    await cp(program, join(root, program), { dereference: true });
  }
  const { stdout: multiarch } = await run("sh", [
    "-c",
    "dirname $(ldd /sbin/openrc | grep -o '/[^ ]*/libc\\.so[^ ]*')",
  ]);
  const permit = join(multiarch.trim(), "security/pam_permit.so");
  await cp(permit, join(root, permit), { dereference: true });
  for (const library of await libraries([...programs, ...helpers, permit])) {
    await mkdir(dirname(join(root, library)), { recursive: true });
    await cp(library, join(root, library), { dereference: true });
  }
  await chmod(join(root, "tmp"), 0o1777);
  return { root, remove: () => rm(folder, { recursive: true }) };
}

/** Starts a host of that root directory: busybox is process 1, and OpenRC starts the services. */
export async function startOpenrc(root: string): Promise<IsolatedRoot> {
  const init = `
    mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
    for device in null zero random urandom tty; do
      : >"$ROOT/dev/$device"
      mount --bind "/dev/$device" "$ROOT/dev/$device"
    done
    mount -t tmpfs -o mode=755 tmpfs "$ROOT/run"
    exec unshare --pid --fork --kill-child --mount-proc="$ROOT/proc" chroot "$ROOT" /sbin/init`;
  const host = await IsolatedRoot.start(root, init);
  await expect
    .poll(async () => (await host.run("rc-status --runlevel")).output.trim(), { interval: 50 })
    .toBe("default");
  return host;
}

/** The shared libraries that these programs load, with their loader. Scripts have none. */
async function libraries(programs: readonly string[]): Promise<Set<string>> {
  const found = programs.map(async (program) => {
    const { stdout } = await run("ldd", [program]).catch(() => ({ stdout: "" }));
    return [...stdout.matchAll(/(?:=> |^\s)(\/\S+) \(/gm)].flatMap(([, path]) => path ?? []);
  });
  return new Set((await Promise.all(found)).flat());
}
