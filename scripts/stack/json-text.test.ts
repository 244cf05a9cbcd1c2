import { expect, test } from "vitest";
import { memberText, onOneLine, partsOf } from "./json-text.ts";

test.for([
  ["[]", []],
  ["{ }", []],
  ["[[]]", ["[]"]],
  ['[1.0, "a,]" ,{"b":[2,3]},\n[4 , 5]]', ["1.0", '"a,]"', '{"b":[2,3]}', "[4 , 5]"]],
  ['{"a" : 1,"b":{}}', ['"a" : 1', '"b":{}']],
] as const)("the parts of %s are %s", ([text, parts]) => {
  expect(partsOf(text)).toEqual(parts);
});

test.for([
  ['{"data":12345678901234567890}', "12345678901234567890"],
  ['{ "x":{"data":1},\n"data" : { "a": 1.0, "a": 1e400 } }', '{ "a": 1.0, "a": 1e400 }'],
  ['{"data":1,"data":2}', "2"],
  ['{"d\\u0061ta":"\\n"}', '"\\n"'],
  ['{"subject":"data"}', undefined],
] as const)("the data of %s is %s", ([text, data]) => {
  expect(memberText(text, "data")).toBe(data);
});

test("JSON on several lines fits on one", () => {
  const text = '{\r\n\t"a": [1,\n2], "b": "\\n"}';
  expect(onOneLine(text)).toBe('{ "a": [1, 2], "b": "\\n"}');
  expect(JSON.parse(onOneLine(text))).toEqual(JSON.parse(text));
});
