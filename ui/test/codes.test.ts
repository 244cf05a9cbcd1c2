import { expect, test } from "vitest";
import codes from "../../docs/vectors/codes.json" with { type: "json" };
import { ApiError } from "../src/api.ts";
import { explainClose } from "../src/screens/agent/closeCodes.ts";
import { explainRequestError } from "../src/screens/agent/requestErrors.ts";

test("every close code of the protocol is explained, and no other", () => {
  // The platform's own: docs/PROTOCOL.md "Close codes".
  for (const code of [...codes.closes.map(({ code }) => code), 1002, 1006, 1009, 1011]) {
    expect(explainClose(code), String(code)).toMatch(/^(The|A) .+[^.]$/);
  }
  expect(explainClose(1005)).toBeNull();
});

test("every error of a request is explained", () => {
  for (const code of [
    ...codes.requestErrors,
    "invalid_subject",
    "invalid_request",
    "unknown_agent",
    "hub_unavailable",
  ]) {
    expect(explainRequestError(new ApiError(code, "said so", 502))).toMatch(
      new RegExp(`^[A-Z].+\\. \\(${code}: said so\\)$`),
    );
  }
  expect(explainRequestError(new ApiError("unreachable", "The manager cannot be reached.", 0))).toBe(
    "The manager cannot be reached.",
  );
});
