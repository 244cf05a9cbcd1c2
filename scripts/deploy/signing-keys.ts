import { z } from "zod";
import type { Admin } from "../stack/admin.ts";

const Keys = z.object({
  current: z.string(),
  previous: z.string().nullable(),
  hubs: z.array(z.object({ name: z.string(), current: z.string().nullable() })),
});

const AgentOfAnotherKey = z.object({
  id: z.string(),
  name: z.string(),
  hostname: z.string(),
  lastSeen: z.number().nullable(),
});

export type Keys = z.infer<typeof Keys>;
export type AgentOfAnotherKey = z.infer<typeof AgentOfAnotherKey>;

const PAGE = 1_000;

/** The keys that the manager and its hubs sign with; docs/API.md "Maintenance". */
export async function readKeys(admin: Admin): Promise<Keys> {
  return Keys.parse(await admin.call("GET", "/api/admin/signing-keys"));
}

/** The agents whose token is not known to be of the present key. */
export async function listAgentsOfOtherKeys(admin: Admin): Promise<AgentOfAnotherKey[]> {
  const agents: AgentOfAnotherKey[] = [];
  for (;;) {
    const query = new URLSearchParams({ limit: String(PAGE), cursor: agents.at(-1)?.id ?? "" });
    const page = await admin.call("GET", `/api/admin/signing-keys/agents?${query}`);
    const listed = z.array(AgentOfAnotherKey).parse(page);
    agents.push(...listed);
    if (listed.length < PAGE) return agents;
  }
}
