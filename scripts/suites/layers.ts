/** Some files of a folder, and what they may import. All paths start at that folder; `**` stands for any folders. */
export interface Layer {
  files: readonly string[];
  /** The lower layers' files that it may import, if not all. */
  imports?: readonly string[];
  /** The npm packages that it may import, if not all. */
  packages?: readonly string[];
  /** npm packages that it must not import. */
  without?: readonly string[];
  /** Its files do not import each other. */
  apart?: boolean;
}

/** A folder whose imports go down only: a file imports files of its own layer and of lower ones. */
export interface Tree {
  folder: string;
  /** Top to bottom. A file belongs to the first layer that names it. */
  layers: readonly Layer[];
}

const hono = ["hono", "@hono/zod-openapi"];

export const trees: readonly Tree[] = [
  {
    folder: "manager/src",
    layers: [
      { files: ["index.ts"] },
      { files: ["http/routes/**"], apart: true },
      { files: ["http/caller/**"] },
      { files: ["http/*"] },
      { files: ["hubs.ts"] },
      { files: ["hub/**"], without: hono },
      { files: ["registry/**"], without: hono },
      { files: ["tokens.ts"] },
      { files: ["presence/**"], imports: ["protocol/**"], packages: ["zod"] },
      { files: ["protocol/**"], imports: [], packages: ["zod"] },
      { files: ["config.ts", "digest.ts", "log.ts"], apart: true },
    ],
  },
  {
    folder: "scripts",
    layers: [
      { files: ["faults/**"], imports: ["e2e/**", "stack/**"] },
      { files: ["e2e/**"], imports: ["stack/**"] },
      { files: ["*"] },
      { files: ["suites/**"] },
      { files: ["stack/**"] },
    ],
  },
  {
    folder: "ui/src",
    layers: [
      { files: ["main.tsx"] },
      { files: ["App.tsx"] },
      // What draws imports what fetches and computes.
      { files: ["**/*.tsx"] },
      { files: ["**/*.ts"] },
    ],
  },
];
