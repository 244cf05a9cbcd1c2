import { expect } from "vitest";
import { test } from "./fixtures.ts";

/** From the agent's exit to the operator's screen. */
const SEEN_WITHIN_MS = 2_000;

test.for([
  { how: "stopped", signal: "SIGTERM", exit: 0 },
  { how: "killed", signal: "SIGKILL", exit: "SIGKILL" },
] as const)(
  "the page shows that one of three agents is $how",
  async ({ how, signal, exit }, { lab, manager: _, dashboard }) => {
    const before = await lab.admin.agents();
    const online = before.filter((agent) => agent.status === "online").length;
    const [one, two, three] = [`${how}-1`, `${how}-2`, `${how}-3`];
    await lab.startAgent(one);
    const { process } = await lab.startAgent(two);
    await lab.startAgent(three);
    await dashboard.untilCount(online + 3, before.length + 3);

    process.signal(signal);
    expect(await process.ended).toBe(exit);
    const ended = performance.now();
    await dashboard.untilStatus(two, "offline", SEEN_WITHIN_MS);
    await dashboard.untilCount(online + 2, before.length + 3, SEEN_WITHIN_MS - (performance.now() - ended));
    await dashboard.untilStatus(one, "online");
    await dashboard.untilStatus(three, "online");
  },
);
