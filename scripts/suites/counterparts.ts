import { readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Two files of the same purpose, one in each language. They export the same names, or the difference is listed here.
 */
export interface Pair {
  /** The name of both files, without the ending. */
  file: string;
  /** Whether constants are left out: docs/vectors/codes.json holds both languages to the codes. */
  withoutConstants?: boolean;
  /** Names that only one side exports, and the reason. A name that ends in `*` stands for all that begin like it. */
  typescriptOnly: Readonly<Record<string, string>>;
  goOnly: Readonly<Record<string, string>>;
}

const folders = { typescript: "manager/src/protocol", go: "agent/internal/protocol" };

const managerOnly = "only the manager needs it";

const pairs: readonly Pair[] = [
  {
    file: "message",
    typescriptOnly: {
      byteLength: "Go has len",
      exceedsBytes: "Go has len",
    },
    goOnly: { "Subject*": "TypeScript types a subject where it is used" },
  },
  { file: "json", typescriptOnly: { parseString: "Go has Member.AsString" }, goOnly: {} },
  {
    file: "subject",
    typescriptOnly: { inboxToken: managerOnly, isInbox: managerOnly },
    goOnly: {},
  },
  {
    file: "label",
    typescriptOnly: { isLabelKey: managerOnly, splitLabel: managerOnly, joinLabel: managerOnly },
    goOnly: {},
  },
  { file: "names", typescriptOnly: { cleanHostText: managerOnly, cut: managerOnly }, goOnly: {} },
  {
    file: "errors",
    withoutConstants: true,
    typescriptOnly: {
      FrameErrorCode: "Go has one type for all codes",
      RequestErrorCode: "Go has one type for all codes",
      RefusalCode: "Go has one type for all codes",
      Outcome: "Go returns an error",
      OutcomeError: "Go returns an error",
      failure: "Go returns an error",
    },
    goOnly: { Code: "TypeScript has a type for each kind of code" },
  },
  {
    file: "close",
    withoutConstants: true,
    typescriptOnly: { mayTravel: managerOnly, protocolErrorCode: managerOnly },
    goOnly: { CloseName: "TypeScript keeps a code and its name together" },
  },
];

/** An exported name and where it is. */
interface Export {
  name: string;
  line: number;
  constant: boolean;
}

/** Compares all pairs. Returns a line for each difference that no table explains, and for each stale entry. */
export async function checkCounterparts(root: string): Promise<string[]> {
  const problems = pairs.map(async (pair) => {
    const typescript = `${folders.typescript}/${pair.file}.ts`;
    const go = `${folders.go}/${pair.file}.go`;
    return comparePair(pair, {
      typescript: { file: typescript, text: await readFile(join(root, typescript), "utf8") },
      go: { file: go, text: await readFile(join(root, go), "utf8") },
    });
  });
  return (await Promise.all(problems)).flat();
}

interface Source {
  file: string;
  text: string;
}

export function comparePair(pair: Pair, { typescript, go }: { typescript: Source; go: Source }): string[] {
  const wanted = ({ constant }: Export) => !(constant && pair.withoutConstants);
  const ours = typescriptExports(typescript.text).filter(wanted);
  const theirs = goExports(go.text).filter(wanted);
  return [
    ...differences(typescript.file, ours, theirs, pair.typescriptOnly),
    ...differences(go.file, theirs, ours, pair.goOnly),
  ];
}

/** The names of one side that the other lacks and the table does not explain, and the entries that explain none. */
function differences(
  file: string,
  own: readonly Export[],
  others: readonly Export[],
  explained: Pair["goOnly"],
): string[] {
  const known = new Set(others.map(({ name }) => plain(name)));
  const extra = own.filter(({ name }) => !known.has(plain(name)));
  const explains = (entry: string, name: string) =>
    entry.endsWith("*") ? plain(name).startsWith(plain(entry.slice(0, -1))) : plain(entry) === plain(name);
  const entries = Object.keys(explained);
  return [
    ...extra
      .filter(({ name }) => !entries.some((entry) => explains(entry, name)))
      .map(({ name, line }) => `${file}:${line} exports ${name}, and its counterpart does not`),
    ...entries
      .filter((entry) => !extra.some(({ name }) => explains(entry, name)))
      .map((entry) => `${file}:1 does not export ${entry}, or its counterpart does too: take it out of the table`),
  ];
}

/** A name as both languages spell it: `HEARTBEAT_ACK` and `HeartbeatAck` are one. */
function plain(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}

/** The exports of formatted TypeScript. One that is not a named declaration is an error: nothing here would see it. */
function typescriptExports(text: string): Export[] {
  return text.split("\n").flatMap((line, index) => {
    if (!line.startsWith("export ")) return [];
    const [, kind, name] = /^export (?:async )?(const|function|class|interface|type) (\w+)/.exec(line) ?? [];
    if (name === undefined) throw new Error(`export a name where it is declared, not with "${line}"`);
    return [{ name, line: index + 1, constant: kind === "const" }];
  });
}

/** The exports of formatted Go, without methods. */
function goExports(text: string): Export[] {
  let inBlock = false;
  return text.split("\n").flatMap((line, index) => {
    if (/^(const|var) \($/.test(line)) inBlock = true;
    if (line === ")") inBlock = false;
    const [, kind, name] = (inBlock ? /^(\t)([A-Z]\w*)/ : /^(const|var|func|type) ([A-Z]\w*)/).exec(line) ?? [];
    if (name === undefined) return [];
    return [{ name, line: index + 1, constant: inBlock || kind === "const" || kind === "var" }];
  });
}
