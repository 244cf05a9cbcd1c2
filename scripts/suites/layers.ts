/** Files of a folder and their allowed imports. Paths start at that folder; `**` stands for any number of folders. */
export interface Layer {
  files: readonly string[];
  /** The files of lower layers that it may import; all by default. */
  imports?: readonly string[];
  /** The npm packages that it may import; all by default. */
  packages?: readonly string[];
  /** npm packages that it must not import. */
  without?: readonly string[];
  /** Its files do not import each other. */
  apart?: boolean;
}

/** A folder whose imports go down only: a file imports only files of its own layer and of lower layers. */
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
      { files: ["rehearsal/**"], imports: ["e2e/**", "deploy/**", "stack/**"] },
      { files: ["bench/**"], imports: ["e2e/**", "stack/**"] },
      { files: ["bill/**"], imports: ["stack/**"] },
      { files: ["simulate/**"], imports: ["stack/**"] },
      { files: ["faults/**"], imports: ["e2e/**", "stack/**"] },
      { files: ["install/**"], imports: ["e2e/**", "stack/**"] },
      { files: ["e2e/**"], imports: ["stack/**"] },
      { files: ["*"] },
      { files: ["suites/**"] },
      { files: ["deploy/**"], imports: ["stack/**"] },
      { files: ["stack/**"] },
    ],
  },
  {
    folder: "ui/src",
    layers: [
      { files: ["main.tsx"] },
      { files: ["App.tsx"] },
      { files: ["house/**"] },
      { files: ["screens/**"] },
      // What several screens show of an agent or a token. Components import code that fetches and computes, never the other
      // way round.
      { files: ["agents/*.tsx", "tokens/*.tsx"] },
      // Pieces that know nothing of agents.
      { files: ["components/**"], imports: ["clock.ts"] },
      { files: ["useLive.ts"] },
      { files: ["agents/bulk.ts", "agents/list.ts", "agents/losses.ts", "agents/roster.ts"] },
      { files: ["live/**"], without: ["solid-js", "@tanstack/solid-query"] },
      { files: ["**/*.ts"] },
    ],
  },
];
