import { expect, test } from "vitest";
import { checkImports } from "./imports.ts";
import { trees } from "./layers.ts";

/** Checks one file of a tree that has all files which it imports. */
function check(folder: string, file: string, ...lines: string[]): string[] {
  const tree = trees.find((one) => one.folder === folder);
  if (tree === undefined) throw new Error(`there is no tree ${folder}`);
  return checkImports(tree, new Map([[file, lines.join("\n")]]));
}

test("imports that go down or stay in the layer are allowed", () => {
  const imports = ['import { decode } from "../protocol/message.ts";', 'import { Outbox } from "./outbox.ts";'];
  expect(check("manager/src", "hub/hub.ts", ...imports, 'import { z } from "zod";')).toEqual([]);
  expect(check("manager/src", "http/caller/agent.ts", 'import { fail } from "../errors.ts";')).toEqual([]);
  expect(
    check("ui/src", "screens/agents/AgentRow.tsx", 'import "./AgentRow.css";', 'import { ago } from "../../clock.ts";'),
  ).toEqual([]);
});

test("an import that goes up is reported with file and line, in any syntax", () => {
  const source = [
    '// import { a } from "../index.ts"',
    'const text = `import { a } from "../index.ts"`;',
    "import {",
    "  AgentHub,",
    '} from "../hub/hub.ts";',
    'import type { Hubs } from "../hubs.ts";',
    'import { type Router } from "../http/router.ts";',
    'export * from "../http/errors.ts";',
    'export type { App } from "../index.ts";',
    'const later = () => import("../http/routes/agents.ts");',
    'type Later = import("../http/caller/agent.ts").Agent;',
  ];
  const up = (line: number, from: string) =>
    `manager/src/registry/agents.ts:${line} imports ${from}: the file is in a higher layer`;
  expect(check("manager/src", "registry/agents.ts", ...source)).toEqual([
    up(3, "../hub/hub.ts"),
    up(6, "../hubs.ts"),
    up(7, "../http/router.ts"),
    up(8, "../http/errors.ts"),
    up(9, "../index.ts"),
    up(10, "../http/routes/agents.ts"),
    up(11, "../http/caller/agent.ts"),
  ]);
});

test.for([
  ["manager/src", "http/routes/agents.ts", "./audit.ts", "files of this layer do not import each other"],
  ["manager/src", "config.ts", "./log.ts", "files of this layer do not import each other"],
  ["manager/src", "http/router.ts", "./caller/agent.ts", "the file is in a higher layer"],
  ["manager/src", "presence/presence.ts", "../config.ts", "this layer imports only protocol/**"],
  ["manager/src", "protocol/message.ts", "../log.ts", "this layer imports no other"],
  ["manager/src", "protocol/message.ts", "@hono/zod-openapi", "this layer does without that package"],
  ["manager/src", "presence/presence.ts", "zod-openapi", "this layer does without that package"],
  ["manager/src", "hub/hub.ts", "hono/jwt", "this layer does without that package"],
  ["manager/src", "registry/agents.ts", "hono", "this layer does without that package"],
  ["manager/src", "hub/hub.ts", "../../test/manager.ts", "the file belongs to no layer"],
  ["scripts", "stack/child.ts", "../suites/check.ts", "the file is in a higher layer"],
  ["scripts", "suites/check.ts", "../e2e/lab.ts", "the file is in a higher layer"],
  ["scripts", "up.ts", "./e2e/lab.ts", "the file is in a higher layer"],
  ["scripts", "e2e/lab.ts", "../suites/check.ts", "this layer imports only stack/**"],
  ["scripts", "faults/host.ts", "../test.ts", "this layer imports only e2e/**, stack/**"],
  ["ui/src", "clock.ts", "./screens/agents/AgentRow.tsx", "the file is in a higher layer"],
] as const)("in %s, %s must not import %s", ([folder, file, from, problem]) => {
  expect(check(folder, file, "", `import type { x } from "${from}";`)).toEqual([
    `${folder}/${file}:2 imports ${from}: ${problem}`,
  ]);
});

test("a file that no layer names is reported", () => {
  expect(check("manager/src", "auth/limits.ts")).toEqual(["manager/src/auth/limits.ts:1 belongs to no layer"]);
});
