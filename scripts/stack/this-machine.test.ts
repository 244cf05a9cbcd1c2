import { expect, test } from "vitest";
import { isThisMachine } from "./this-machine.ts";

test.for([
  ["http://localhost:8787", true],
  ["http://127.0.0.1:8787", true],
  ["http://127.8.9.1", true],
  ["http://[::1]:8787", true],
  ["https://zedops.example.com", false],
  // Names that look like a local address: the local password must not go to them.
  ["http://127.example.com", false],
  ["http://localhost.example.com", false],
  ["http://192.0.2.200", false],
] as const)("%s leads to this machine: %s", ([url, expected]) => {
  expect(isThisMachine(new URL(url))).toBe(expected);
});
