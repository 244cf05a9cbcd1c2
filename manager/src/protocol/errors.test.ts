import { expect, it } from "vitest";
import codes from "../../../docs/vectors/codes.json" with { type: "json" };
import { FRAME_ERRORS, isRefusal, REFUSALS, REQUEST_ERRORS } from "./errors.ts";

it("the error codes are the same as in the golden vectors", () => {
  expect(FRAME_ERRORS.toSorted()).toEqual(codes.frameErrors.toSorted());
  expect(REQUEST_ERRORS.toSorted()).toEqual(codes.requestErrors.toSorted());
  expect(REFUSALS.toSorted()).toEqual(codes.refusals.toSorted());
});

it("isRefusal is true only for codes that stop an agent", () => {
  expect(codes.refusals.every(isRefusal)).toBe(true);
  expect(codes.requestErrors.some(isRefusal)).toBe(false);
});
