import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { inRepository } from "../stack/repository.ts";

/** The bytes of all scripts that the dashboard's first screen needs, each compressed with gzip. */
export async function firstScreenBytes(): Promise<number> {
  const dist = inRepository("ui/dist/");
  const seen = new Set<string>();
  const follow = async (file: string): Promise<number> => {
    if (seen.has(file)) return 0;
    seen.add(file);
    const script = await readFile(`${dist}assets/${file}`, "utf8");
    const imports = [...script.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)].map(([, name = ""]) => name);
    const bytes = await Promise.all(imports.map(follow));
    return bytes.reduce((sum, each) => sum + each, gzipSync(script).length);
  };
  const [, entry = ""] = /src="\/assets\/([^"]+)"/.exec(await readFile(`${dist}index.html`, "utf8")) ?? [];
  return await follow(entry);
}
