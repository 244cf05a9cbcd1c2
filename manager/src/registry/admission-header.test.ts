import { describe, expect, it } from "vitest";
import type { Admission } from "./admission.ts";
import { encodeAdmission, parseAdmission } from "./admission-header.ts";

const ADMISSION: Admission = {
  connectionId: "c7h2k9",
  agentId: "k3v",
  known: { name: "edge-7", host: { version: "1", os: "linux", arch: "amd64", hostname: "edge-7" } },
  separate: false,
  candidateHash: null,
  enrolment: null,
  generation: 1_790_000_000_000,
  bootId: "boot-id-1",
  address: null,
};

const named = (name: string): Admission => ({
  ...ADMISSION,
  known: { ...ADMISSION.known, name } as Admission["known"],
});

describe("an admission in a header", () => {
  it.each(["Büro", "边缘节点", "👩‍👩‍👧‍👦", "a\r\nB: c\u0000\u007f\u2028", "\ud83d", "\\u0041", `"'%`])(
    "is ASCII, one line, and comes out as it went in: %j",
    (name) => {
      const header = encodeAdmission(named(name));
      expect(header).toMatch(/^[ -~]+$/);
      expect(parseAdmission(header)).toEqual(named(name));
    },
  );

  it("may carry an enrolment", () => {
    const enrolling = {
      ...ADMISSION,
      known: null,
      enrolment: { id: "e", installId: "i", hostName: "Büro", maxUses: 1 },
    };
    expect(parseAdmission(encodeAdmission(enrolling))).toEqual(enrolling);
  });

  it.each([
    ["none", null],
    ["empty", ""],
    ["no JSON", '{"agentId":"secret-id'],
    ["an array", "[]"],
    ["null", "null"],
    ["incomplete", '{"agentId":"secret-id"}'],
    ["of the wrong types", JSON.stringify({ ...ADMISSION, agentId: ["secret-id"], generation: "1" })],
    ["without an agent", JSON.stringify({ ...ADMISSION, agentId: "" })],
  ])("is refused, and the error does not quote it: %s", (_, header) => {
    expect(() => parseAdmission(header)).toThrow(/^(?!.*secret)the (admission|request) /s);
  });
});

it("an enrolment of an older Worker, which does not say how many hosts it is for, is not taken for one of one host", () => {
  const { enrolment: _, ...admission } = ADMISSION;
  const header = JSON.stringify({ ...admission, enrolment: { id: "e", installId: "i", hostName: null } });
  expect(parseAdmission(header).enrolment?.maxUses).toBeGreaterThan(1);
});
