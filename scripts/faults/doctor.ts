import { execFile } from "node:child_process";
import { z } from "zod";
import { agentBinary } from "../stack/repository.ts";

/** The steps from a host to its manager, in their order. */
const Step = z.enum(["state", "clock", "names", "proxy", "tcp", "tls", "upgrade", "credential", "heartbeat"]);

const Report = z.object({
  healthy: z.boolean(),
  checks: z.array(
    z.object({
      check: Step,
      result: z.enum(["ok", "failed", "skipped"]),
      code: z.string().optional(),
      text: z.string(),
    }),
  ),
});

export interface Patient {
  /** If it is missing, doctor looks for it. */
  stateDir?: string;
  managerUrl?: string;
  /** The command that runs doctor on its host. */
  launcher?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** What doctor says of a host: `check code` for each failed check. */
export interface Diagnosis {
  exitCode: number;
  failed: string[];
  /** The text of each check by its step. */
  texts: Record<string, string>;
}

/** Runs `zedops-agent doctor` on a host. */
export async function examine({ stateDir, managerUrl, launcher = [], env = {} }: Patient): Promise<Diagnosis> {
  const [file = agentBinary, ...before] = [...launcher, agentBinary];
  const args = [...before, "doctor", "--json"];
  if (stateDir !== undefined) args.push("--state-dir", stateDir);
  if (managerUrl !== undefined) args.push("--manager", managerUrl);
  const { exitCode, output } = await new Promise<{ exitCode: number; output: string }>((resolve) => {
    execFile(file, args, { env: { PATH: process.env.PATH, HOME: "/nonexistent", ...env } }, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === "number" ? error.code : 0, output: stdout || stderr });
    });
  });
  const { checks } = Report.parse(JSON.parse(output));
  return {
    exitCode,
    failed: checks.filter(({ result }) => result === "failed").map(({ check, code }) => `${check} ${code}`),
    texts: Object.fromEntries(checks.map(({ check, text }) => [check, text])),
  };
}
