/** The child process of a BeatingCrowd. It takes orders from its parent process, and answers each with a number. */
import { inspect } from "node:util";
import { z } from "zod";
import { BeatingAgent } from "./beating-agent.ts";

const Order = z.discriminatedUnion("do", [
  z.object({
    do: z.literal("open"),
    url: z.string(),
    /** An enrolment token. Without it the sockets do not register. */
    token: z.string().optional(),
    installIds: z.array(z.string()),
  }),
  z.object({ do: z.literal("report"), part: z.number() }),
  z.object({ do: z.literal("count lost") }),
]);
export type Order = z.infer<typeof Order>;

/** Sockets that are opened at the same time. The manager allows 64 unregistered sockets per token. */
const AT_ONCE = 16;

/** The agents of each "open" order. */
const groups: BeatingAgent[][] = [];
let turn = 0;

process.on("message", (message) => {
  obey(Order.parse(message)).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.(`with ${groups.flat().length} sockets: ${inspect(error)}`),
  );
});

async function obey(order: Order): Promise<number> {
  switch (order.do) {
    case "open":
      return open(order);
    case "report": {
      // The same part of each group, and other agents with each order.
      for (const agents of groups) {
        const count = Math.round(agents.length * order.part);
        for (let n = 0; n < count; n++) {
          const agent = agents[((turn * count + n) * 7919) % agents.length];
          if (agent !== undefined) agent.reportsNext = true;
        }
      }
      return ++turn;
    }
    case "count lost":
      return groups.flat().filter(({ isLost }) => isLost).length;
  }
}

async function open({ url, token, installIds }: Extract<Order, { do: "open" }>): Promise<number> {
  const agents: BeatingAgent[] = [];
  groups.push(agents);
  const left = installIds.values();
  const openOneByOne = async () => {
    for (const installId of left) {
      const headers = {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        "zedops-install-id": installId,
      };
      const agent = await BeatingAgent.open(url, headers);
      if (token !== undefined) await agent.register();
      agents.push(agent);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, openOneByOne));
  return agents.length;
}
