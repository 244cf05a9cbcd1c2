import { expect, test } from "vitest";
import payloads from "../../docs/vectors/payloads.json" with { type: "json" };
import { indentJson, jsonProblem, memberText, partsOf } from "../src/jsonText.ts";

test.for([
  ["1", "1"],
  ['"a b\\"{,:"', '"a b\\"{,:"'],
  ["{}", "{}"],
  ["[ [ ] , { } ]", "[\n  [],\n  {}\n]"],
  ['{"a":1,"b":[true,null],"a":2}', '{\n  "a": 1,\n  "b": [\n    true,\n    null\n  ],\n  "a": 2\n}'],
  ["[9007199254740993,1e400,-0.0,1.50]", "[\n  9007199254740993,\n  1e400,\n  -0.0,\n  1.50\n]"],
  ['["\\u0041\\n","é😀\u2028"]', '[\n  "\\u0041\\n",\n  "é😀\u2028"\n]'],
])("%s is indented, and no token of it changes", ([json = "", indented = ""]) => {
  expect(indentJson(json)).toBe(indented);
  expect(indentJson(indented)).toBe(indented);
});

test("the payloads that both ends pass on unaltered are not altered here either", () => {
  const withoutSpace = (text: string) => text.replace(/\s/g, "");
  for (const { name, data } of payloads.unaltered) {
    expect(memberText(`{"data":${data}}`, "data"), name).toBe(data.trim());
    expect(withoutSpace(indentJson(data)), name).toBe(withoutSpace(data));
  }
});

test("deep nesting does not make lines of spaces", () => {
  const deep = "[".repeat(512) + "]".repeat(512);
  expect(indentJson(deep).length).toBeLessThan(100_000);
  expect(indentJson(deep).replace(/\s/g, "")).toBe(deep);
});

test.for([
  ['{"data":1}', "1"],
  ['{ "data" : { "data": [1, {"data": 2}] } , "x":3 }', '{ "data": [1, {"data": 2}] }'],
  ['{"x":{"data":1},"y":"data"}', null],
  ['{"data":1,"data":2.0}', "2.0"],
  ['{"a":"\\"data\\":1","data":null}', "null"],
  ["{}", null],
  ['{"d\\u0061ta":1.0}', "1.0"],
] as const)("the member of %s is %s", ([json, member]) => {
  expect(memberText(json, "data")).toBe(member);
});

test.for([
  ["[]", []],
  ["[ ]", []],
  ["[[]]", ["[]"]],
  ['[1.0, "a,]" ,{"b":[2,3]},\n[4 , 5]]', ["1.0", '"a,]"', '{"b":[2,3]}', "[4 , 5]"]],
] as const)("the elements of %s are %s", ([json, elements]) => {
  expect(partsOf(json)).toEqual(elements);
});

test("only one JSON value is JSON", () => {
  expect(jsonProblem('{"a":1e400}')).toBeNull();
  for (const text of ["", "1 2", '1},"timeoutMs":{', "{a:1}", "NaN", "'a'"]) expect(jsonProblem(text)).not.toBeNull();
});
