import { expect, test } from "vitest";
import { comparePair, type Pair } from "./counterparts.ts";

const typescript = `
export const HEARTBEAT_ACK = "a";
const HIDDEN = "b";
export interface Message {
  Inner: string;
}
export async function decode(frame: string) {}
`;

const go = `
const (
	HeartbeatAck = "a"
	hidden       = "b"
)

// Message is one.
type Message struct {
	Inner string
}

func (m *Message) Method() {}

func Decode(frame []byte) {}
`;

const compare = (pair: Partial<Pair>, more: { typescript?: string; go?: string } = {}) =>
  comparePair(
    { file: "m", typescriptOnly: {}, goOnly: {}, ...pair },
    {
      typescript: { file: "m.ts", text: typescript + (more.typescript ?? "") },
      go: { file: "m.go", text: go + (more.go ?? "") },
    },
  );

test("names are the same in whichever spelling; methods and what is not exported do not count", () => {
  expect(compare({})).toEqual([]);
});

test("a name of one side alone is reported by file and line, unless the table has it", () => {
  const more = { typescript: "export type Extra = 1;\n", go: 'const SubjectA = "a"\n\nvar SubjectB = "b"\n' };
  expect(compare({}, more)).toEqual([
    "m.ts:8 exports Extra, and its counterpart does not",
    "m.go:15 exports SubjectA, and its counterpart does not",
    "m.go:17 exports SubjectB, and its counterpart does not",
  ]);
  expect(compare({ typescriptOnly: { Extra: "why" }, goOnly: { "Subject*": "why" } }, more)).toEqual([]);
});

test("an entry that explains nothing is reported", () => {
  const stale = { typescriptOnly: { Gone: "why" }, goOnly: { Message: "why", "Subject*": "why" } };
  expect(compare(stale)).toEqual([
    "m.ts:1 does not export Gone, or its counterpart does too: take it out of the table",
    "m.go:1 does not export Message, or its counterpart does too: take it out of the table",
    "m.go:1 does not export Subject*, or its counterpart does too: take it out of the table",
  ]);
});

test("constants are left out where the vectors compare them", () => {
  const more = { typescript: "export const A = 1;\nexport type B = 1;\n", go: "const (\n\tC = 1\n)\n\nfunc D() {}\n" };
  expect(compare({ withoutConstants: true }, more)).toEqual([
    "m.ts:9 exports B, and its counterpart does not",
    "m.go:19 exports D, and its counterpart does not",
  ]);
});

test("an export that is no declaration is an error", () => {
  expect(() => compare({}, { typescript: "export { a };\n" })).toThrow('not with "export { a };"');
});
