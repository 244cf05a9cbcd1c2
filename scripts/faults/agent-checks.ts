import { expect, vi } from "vitest";
import { z } from "zod";
import type { Lab, LabAgent } from "../e2e/lab.ts";
import type { Agent } from "../stack/admin.ts";

/** An agent waits for at most 60 s between attempts, and an attempt takes at most 10 s a step. */
export const RECONNECTS_WITHIN = { timeout: 90_000, interval: 200 };

const Entry = z.object({
  status: z.enum(["online", "offline"]),
  reason: z.string().nullable(),
  at: z.number(),
  durationMs: z.number().nullable(),
});
export type Entry = z.infer<typeof Entry>;

/** An agent's timeline, the newest entry first. */
export async function timelineOf(lab: Lab, id: string): Promise<Entry[]> {
  return z.array(Entry).parse(await lab.admin.call("GET", `/api/agents/${id}/events`));
}

/** What has happened to an agent, the oldest first: `online`, or its reason for being offline. */
export function storyOf(entries: readonly Entry[]): string[] {
  return entries.toReversed().map(({ status, reason }) => reason ?? status);
}

/** Publishes a message and returns what became of it. */
export async function publish(lab: Lab, subject: string, data: unknown): Promise<unknown> {
  return await lab.admin.call("POST", "/api/publish", JSON.stringify({ subject, data }));
}

/** The data of the messages that the agent has printed, in their order. */
export function printed({ log }: LabAgent): unknown[] {
  return log.filter((line) => line.startsWith("{")).map((line): unknown => JSON.parse(line).data);
}

/** Waits until the agent with this id is online and answers a request. */
export async function untilAnswers(lab: Lab, id: string): Promise<Agent | undefined> {
  return await vi.waitFor(async () => {
    const agent = await lab.admin.agent(id);
    expect(agent).toMatchObject({ status: "online" });
    expect(await lab.request(id, { subject: "test.echo", data: id })).toBe(id);
    return agent;
  }, RECONNECTS_WITHIN);
}
