/** The part of the benchmark about the JavaScript heap: how much of it an agent takes. */
import { setTimeout as pause } from "node:timers/promises";
import { Load } from "./load.ts";
import { type Bundle, Runtime } from "./runtime.ts";
import { managerSide, verifiedSide } from "./scale.ts";

/** A hub that has not swept yet reads all its connections when it wakes. It sweeps within one interval and 10 s. */
const INTERVAL_MS = 15_000;
const SWEPT_MS = INTERVAL_MS + 11_000;

/** At most so many agents are there before the others are counted, so that what is made once is not counted. */
const MOST_FIRST = 200;

export interface HeapFigures {
  name: string;
  size: number;
  /** KiB for each agent after all have connected. */
  connected: number;
  /** The same after the object has hibernated and one agent has woken it. */
  woken: number;
}

/** Measures the heap of a manager, and of an object with the least verification, with so many agents. */
export async function measureHeap(
  worker: Bundle,
  binary: string,
  vars: Record<string, string>,
  size: number,
): Promise<HeapFigures[]> {
  const first = Math.min(MOST_FIRST, Math.floor(size / 2));
  const figures: HeapFigures[] = [];
  for (const [prepare, object] of [
    [managerSide, { className: "AgentHub", name: "hub-0" }],
    [verifiedSide, { className: "Verified", name: "hub-0" }],
  ] as const) {
    const runtime = await Runtime.start(
      worker,
      { ...vars, HEARTBEAT_INTERVAL_MS: String(INTERVAL_MS) },
      { inspected: true },
    );
    const load = new Load(binary);
    try {
      const side = await prepare(runtime, load, size);
      const heaps = async (more: number) => {
        await side.add(more);
        await load.order({ do: "close", group: "many" });
        await load.order({ do: "open", group: "many", ...side.open });
        const connected = await runtime.heapKib();
        await pause(SWEPT_MS);
        // The object may have hibernated meanwhile, and only one that runs can be told to.
        await load.order({ do: "echo", group: "many", count: 1 });
        await runtime.hibernate(object.className, object.name);
        await load.order({ do: "echo", group: "many", count: 1 });
        return { connected, woken: await runtime.heapKib() };
      };
      const before = await heaps(first);
      const after = await heaps(size - first);
      const perAgent = (of: "connected" | "woken") => (after[of] - before[of]) / (size - first);
      figures.push({ name: side.name, size, connected: perAgent("connected"), woken: perAgent("woken") });
    } finally {
      await load.end();
      await runtime.stop();
    }
  }
  return figures;
}
