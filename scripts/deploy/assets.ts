import { glob, stat } from "node:fs/promises";
import { join } from "node:path";
import { inRepository } from "../stack/repository.ts";
import { UserError } from "../stack/user-error.ts";

/** The limits of static files on the free plan. */
const LIMITS = { files: 20_000, bytesPerFile: 25 * 1_024 ** 2 } as const;

export interface Asset {
  /** Its path on the manager, such as /index.html. */
  readonly path: string;
  readonly bytes: number;
}

/** The files that a deploy uploads. */
export async function listAssets(folder = inRepository("ui/dist")): Promise<Asset[]> {
  const assets: Asset[] = [];
  for await (const path of glob("**/*", { cwd: folder })) {
    const file = await stat(join(folder, path));
    // These two are rules, not files of the site.
    if (file.isFile() && path !== "_headers" && path !== "_redirects")
      assets.push({ path: `/${path}`, bytes: file.size });
  }
  return assets.toSorted((a, b) => a.path.localeCompare(b.path));
}

/** The downloads of agents among the files. */
export function downloadsOf(assets: readonly Asset[]): Asset[] {
  return assets.filter(({ path }) => path.startsWith("/download/"));
}

/** Throws if Cloudflare would refuse the files. */
export function requireWithinLimits(assets: readonly Asset[]): void {
  if (!assets.some(({ path }) => path === "/index.html"))
    throw new UserError("the dashboard is not built: ui/dist/index.html is missing");
  if (assets.length > LIMITS.files)
    throw new UserError(`${assets.length} files are more than the ${LIMITS.files} that Cloudflare takes`);
  const tooLarge = assets.find(({ bytes }) => bytes > LIMITS.bytesPerFile);
  if (tooLarge !== undefined)
    throw new UserError(`${tooLarge.path} has ${megabytes(tooLarge.bytes)}; Cloudflare takes files up to 25 MiB`);
}

export function describeAssets(assets: readonly Asset[]): string {
  const total = (some: readonly Asset[]) => megabytes(some.reduce((sum, { bytes }) => sum + bytes, 0));
  const downloads = downloadsOf(assets);
  const agents = downloads.length === 0 ? "" : `, ${downloads.length} of them agents (${total(downloads)})`;
  return `${assets.length} files (${total(assets)})${agents}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_024 ** 2).toFixed(1)} MiB`;
}
