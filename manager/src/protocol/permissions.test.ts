import { expect, it } from "vitest";
import { operatorMaySend, viewerMaySubscribe } from "./permissions.ts";

const codeOf = (outcome: ReturnType<typeof operatorMaySend>) => (outcome.ok ? "ok" : outcome.error.code);

it.each([
  ["fleet.announce", "ok"],
  ["agent.info", "ok"],
  ["presence", "ok"],
  ["presences.a", "ok"],
  ["live", "ok"],
  ["presence.k3v", "forbidden"],
  ["registry.k3v", "forbidden"],
  ["live.resync", "forbidden"],
  ["live.anything.else", "forbidden"],
  ["agent.register", "forbidden"],
  ["inbox.c1.1", "forbidden"],
  ["live.*", "invalid_subject"],
])("an operator that sends to %s is answered with %s", (subject, code) => {
  expect(codeOf(operatorMaySend(subject))).toBe(code);
});

it.each([
  ["fleet.>", "ok"],
  ["fleet.*.x", "ok"],
  ["agents.k3v.x", "ok"],
  ["agents.*.x", "ok"],
  ["agents.>", "ok"],
  [">", "forbidden"],
  ["*.>", "forbidden"],
  ["fleet", "forbidden"],
  ["fleets.>", "forbidden"],
  ["agent.>", "forbidden"],
  ["agentsmith.>", "forbidden"],
  ["presence.*", "forbidden"],
  ["inbox.>", "forbidden"],
  ["fleet.>.x", "invalid_subject"],
  ["fleet.", "invalid_subject"],
])("a viewer that subscribes to %s is answered with %s", (pattern, code) => {
  expect(codeOf(viewerMaySubscribe(pattern))).toBe(code);
});
