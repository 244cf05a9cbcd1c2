import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { lstat, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect } from "vitest";

export interface Result {
  exitCode: number | null;
  /** Standard output and standard error. */
  output: string;
}

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Files that change by themselves. */
const untold =
  /^(var\/(log|cache|tmp|lib\/systemd)|tmp|run|dev|root\/\.|etc\/(\.pwd\.lock|.*-$|mtab|machine-id|hostname))/;

/**
 * A host of its own: a root directory with a process 1. What it writes is in memory and goes with it; the lower folder
 * stays as it is. It shares the network with this machine, so 127.0.0.1 is the same for both. When the tests end, in any
 * way, its processes are killed and its mounts are gone.
 */
export class IsolatedRoot {
  readonly #starter: ChildProcess;
  readonly #folder: string;
  readonly #lower: string;
  #output = "";
  /** Its process 1, as this machine numbers it. */
  #init = 0;

  /** Starts process 1 with shell commands that find the root directory in `$ROOT`. */
  static async start(lower: string, init: string): Promise<IsolatedRoot> {
    const folder = await mkdtemp(join(tmpdir(), "zedops-root-"));
    const root = new IsolatedRoot(folder, lower, init);
    try {
      await expect.poll(() => root.#findInit(), { timeout: 60_000, interval: 20 }).toBeGreaterThan(0);
    } catch (error) {
      await root.stop();
      throw new Error(`no process 1:\n${root.#output}`, { cause: error });
    }
    return root;
  }

  private constructor(folder: string, lower: string, init: string) {
    this.#folder = folder;
    this.#lower = lower;
    const mounts = `
      mount -t tmpfs -o mode=755 tmpfs "$FOLDER"
      mkdir "$FOLDER/upper" "$FOLDER/work" "$ROOT"
      mount -t overlay -o "lowerdir=$LOWER,upperdir=$FOLDER/upper,workdir=$FOLDER/work" overlay "$ROOT"
    `;
    // Its processes have a namespace of their own, whose first process the kernel kills with this one, and the others with it.
    const namespaces = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];
    this.#starter = spawn(
      "setpriv",
      ["--pdeathsig", "KILL", "unshare", ...namespaces, "sh", "-euc", `${mounts}\n${init}`],
      {
        env: { PATH: path, FOLDER: folder, LOWER: lower, ROOT: join(folder, "root") },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    for (const stream of [this.#starter.stdout, this.#starter.stderr])
      stream?.on("data", (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
  }

  /** What its process 1 has printed. */
  get console(): string {
    return this.#output;
  }

  /** Runs a shell command in it as root. The environment is empty but for `env`. */
  async run(command: string, { env = {}, input = "", shell = "sh" }: RunOptions = {}): Promise<Result> {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const child = this.#spawn(["env", ...variables, ...shell.split(" "), "-c", command]);
    child.stdin.end(input);
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    return { exitCode: child.exitCode, output: stdout + stderr };
  }

  /** Runs a shell command that must succeed, and returns its output without white space at the end. */
  async must(command: string, options: RunOptions = {}): Promise<string> {
    const { exitCode, output } = await this.run(command, options);
    expect(exitCode, `${command}\n${output}`).toBe(0);
    return output.trimEnd();
  }

  /** Runs a shell command on a terminal of its own, and types `answer` once it has printed `prompt`. */
  async runOnTerminal(command: string, { prompt, answer }: { prompt: RegExp; answer: string }): Promise<Result> {
    const child = this.#spawn(["script", "--quiet", "--return", "--echo", "never", "--command", command, "/dev/null"]);
    let output = "";
    let answered = false;
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (answered || !prompt.test(output)) return;
      answered = true;
      child.stdin.write(`${answer}\r`);
    });
    await once(child, "close");
    return { exitCode: child.exitCode, output };
  }

  /**
   * Every file that is not as it was when the host was started, with its mode, owner and a hash; logs, caches and what
   * process 1 keeps for itself apart. Of folders only ours are listed. Files in memory are listed by name.
   */
  async changes(): Promise<string[]> {
    const upper = `/proc/${this.#starter.pid}/root${this.#folder}/upper`;
    const paths = (await readdir(upper, { recursive: true })).filter((path) => !untold.test(path)).sort();
    const changed = paths.map(async (path) => {
      const now = await describeFile(join(upper, path));
      // A socket comes and goes with the agent that listens on it.
      if (now.startsWith("14")) return [];
      return now === (await describeFile(join(this.#lower, path))) || (now.startsWith("4") && !path.includes("zedops"))
        ? []
        : `${path} ${now}`;
    });
    const inMemory = await this.must(
      "find /run/systemd/system /run/zedops* /tmp /var/tmp -mindepth 1 2>/dev/null | grep -v /systemd-private- | sort",
    );
    return [...(await Promise.all(changed)).flat(), inMemory];
  }

  /** Restarts it, as a power cut would not: its services are stopped first. */
  async reboot(): Promise<void> {
    const before = this.#init;
    await this.run("systemctl reboot");
    await expect.poll(() => this.#findInit(), { timeout: 60_000, interval: 20 }).not.toBe(before);
  }

  async stop(): Promise<void> {
    if (this.#starter.exitCode === null && this.#starter.signalCode === null) {
      const ended = once(this.#starter, "exit");
      this.#starter.kill("SIGKILL");
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  #spawn(command: readonly string[]): ChildProcessWithoutNullStreams {
    const child = spawn(
      "nsenter",
      [
        ...["--target", String(this.#init), "--mount", "--uts", "--ipc", "--pid", "--root", "--wdns=/", "--"],
        ...["env", "-i", `PATH=${path}`, "HOME=/root", ...command],
      ],
      // Without a terminal: the one of the tests is none of its business.
      { detached: true, stdio: ["pipe", "pipe", "pipe"] },
    );
    // A process may end before it has read its input: that is no error.
    child.stdin.on("error", () => {});
    return child;
  }

  async #findInit(): Promise<number> {
    for (const pid of await descendants(this.#starter.pid ?? 0)) {
      const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
      // The namespace of the starter is around the one of the host.
      if (/^NSpid:\t\d+\t\d+\t1$/m.test(status)) this.#init = pid;
    }
    return this.#init;
  }
}

interface RunOptions {
  env?: Readonly<Record<string, string>>;
  /** The command's standard input; empty by default. */
  input?: string | Buffer;
  /** The shell that runs the command. */
  shell?: string;
}

/** The mode and the owner of a file, and for a regular one a hash; empty if there is none. */
async function describeFile(path: string): Promise<string> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return "";
  const kind = `${found.mode.toString(8)} ${found.uid}:${found.gid}`;
  if (!found.isFile()) return kind;
  return `${kind} ${createHash("sha256")
    .update(await readFile(path))
    .digest("hex")}`;
}

/** The process ids of the children of a process and of theirs. */
async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const children = text.split(" ").filter(Boolean).map(Number);
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}
