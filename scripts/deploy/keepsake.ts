import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { z } from "zod";
import { UserError } from "../stack/user-error.ts";
import { ownFile, type Target } from "./target.ts";

/**
 * What this machine keeps of a deployed manager. Cloudflare never shows a secret again, and a restore and a change of the
 * signing secret need it.
 */
const Keepsake = z.object({
  v: z.literal(1),
  url: z.string().optional(),
  signingSecret: z.string().optional(),
  previousSigningSecret: z.string().optional(),
});

export type Keepsake = z.infer<typeof Keepsake>;

export async function readKeepsake(target: Target): Promise<Keepsake> {
  const file = keepsakeFile(target);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return { v: 1 };
  const kept = Keepsake.safeParse(parse(text));
  if (!kept.success) throw new UserError(`${file} is damaged; restore it from your copy, or move it away`);
  return kept.data;
}

/** Changes some of it. The file is never half written. */
export async function keep(target: Target, change: { [K in keyof Keepsake]?: Keepsake[K] | undefined }): Promise<void> {
  const file = keepsakeFile(target);
  const kept = { ...(await readKeepsake(target)), ...change };
  await mkdir(target.folder, { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export function keepsakeFile(target: Target): string {
  return ownFile(target, "json");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The URL of the manager: MANAGER_URL, or the one that its deploy reported. */
export async function managerUrl(target: Target): Promise<string> {
  const { MANAGER_URL } = target.terminal.env;
  const url = MANAGER_URL ? URL.parse(MANAGER_URL)?.origin : (await readKeepsake(target)).url;
  if (url === undefined)
    throw new UserError("set MANAGER_URL to the manager's address, such as https://zedops.example.workers.dev");
  return url;
}
