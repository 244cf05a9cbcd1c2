import { glob, readFile } from "node:fs/promises";
import { join, matchesGlob, posix } from "node:path";
import { parseSync, Visitor } from "vite";
import type { Layer, Tree } from "./layers.ts";

/** An import, a re-export or a dynamic import; one of types counts too. */
interface Import {
  line: number;
  /** Between the quotes. */
  from: string;
}

/** Reads the files of a tree, without its tests and declarations, and checks their imports. */
export async function checkTree(root: string, tree: Tree): Promise<string[]> {
  const sources = new Map<string, string>();
  const cwd = join(root, tree.folder);
  for await (const file of glob("**/*.{ts,tsx}", { cwd, exclude: ["**/node_modules", "**/*.test.*", "**/*.d.ts"] }))
    sources.set(file, await readFile(join(cwd, file), "utf8"));
  return checkImports(tree, sources);
}

/** The forbidden imports of the files, `file:line` first; `sources` has each file's text by its path in the folder. */
export function checkImports({ folder, layers }: Tree, sources: ReadonlyMap<string, string>): string[] {
  const layerOf = (file: string) => layers.findIndex((layer) => matches(file, layer.files));
  return [...sources]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .flatMap(([file, source]) => {
      const at = layerOf(file);
      const layer = layers[at];
      if (layer === undefined) return [`${folder}/${file}:1 belongs to no layer`];
      return importsOf(file, source).flatMap(({ line, from }) => {
        const problem = from.startsWith(".")
          ? faultOfFile(posix.join(posix.dirname(file), from), layer, at, layerOf)
          : faultOfPackage(from, layer);
        return problem === undefined ? [] : [`${folder}/${file}:${line} imports ${from}: ${problem}`];
      });
    });
}

/** Why the layer must not import that file; undefined if it may. */
function faultOfFile(target: string, layer: Layer, at: number, layerOf: (file: string) => number): string | undefined {
  if (!/\.tsx?$/.test(target)) return undefined;
  const to = layerOf(target);
  if (target.startsWith("../") || to < 0) return "the file belongs to no layer";
  if (to < at) return "the file is in a higher layer";
  if (to === at) return layer.apart ? "files of this layer do not import each other" : undefined;
  const { imports } = layer;
  if (imports !== undefined && !matches(target, imports))
    return imports.length === 0 ? "this layer imports no other" : `this layer imports only ${imports.join(", ")}`;
  return undefined;
}

function faultOfPackage(from: string, { packages, without = [] }: Layer): string | undefined {
  const name = from.split("/", from.startsWith("@") ? 2 : 1).join("/");
  const allowed = (packages === undefined || packages.includes(name)) && !without.includes(name);
  return allowed ? undefined : "this layer does without that package";
}

function matches(file: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesGlob(file, pattern));
}

function importsOf(file: string, source: string): Import[] {
  const { program, errors } = parseSync(file, source);
  if (errors[0] !== undefined) throw new Error(`${file}: ${errors[0].message}`);
  const imports: Import[] = [];
  const add = (node: { start: number; source: { value?: unknown } | null }) => {
    const from = node.source?.value;
    if (typeof from === "string") imports.push({ line: source.slice(0, node.start).split("\n").length, from });
  };
  new Visitor({
    ImportDeclaration: add,
    ExportNamedDeclaration: add,
    ExportAllDeclaration: add,
    ImportExpression: (node) => add({ start: node.start, source: "value" in node.source ? node.source : null }),
    TSImportType: add,
  }).visit(program);
  return imports;
}
