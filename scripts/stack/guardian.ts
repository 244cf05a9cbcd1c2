import { type ChildProcess, spawn } from "node:child_process";

/**
 * The process groups that must not outlive this process. A shell reads them from a pipe that only this process writes
 * to. When this process ends in any way, SIGKILL too, the pipe closes and the shell kills the groups that are left. The
 * shell has a session of its own, so that no signal for this process's group reaches it.
 */
const program = `
groups=" "
while read -r order group; do
  case $order in
    add) groups="$groups$group " ;;
    remove) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do
  kill -s KILL -- "-$group"
done
`;

const guarded = new Set<number>();
let guardian: ChildProcess | undefined;

/** Kills a process group when this process ends, unless it is released before. */
export function guard(group: number): void {
  guarded.add(group);
  send(`add ${group}`);
}

/** To be called when a group has no process any more: another group may get its number later. */
export function release(group: number): void {
  if (guarded.delete(group)) send(`remove ${group}`);
}

function send(line: string): void {
  guardian ??= start();
  guardian.stdin?.write(`${line}\n`);
}

function start(): ChildProcess {
  const shell = spawn("/bin/sh", ["-c", program, "zedops-guardian"], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // Without a guardian everything else still works.
  shell.on("error", () => {});
  shell.stdin.on("error", () => {});
  shell.unref();
  if ("unref" in shell.stdin && typeof shell.stdin.unref === "function") shell.stdin.unref();
  return shell;
}
