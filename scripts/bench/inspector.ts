/** Asks an inspector of V8 about its heap, by the DevTools protocol. */
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";

const RUN_EVERY_MS = 20;

const Usage = z.object({ usedSize: z.number() });
const Answer = z.object({ id: z.number(), result: z.unknown() });

/**
 * The size of a heap after a collection, in KiB.
 * @param url where the inspector listens
 * @param run runs some code of the Worker: the runtime puts a collection off until then
 */
export async function heapKib(url: URL, run: () => Promise<unknown>): Promise<number> {
  url.protocol = "ws:";
  const socket = new WebSocket(url);
  try {
    await once(socket, "open");
    // The first collection lets finalizers run, whose objects the second one takes.
    for (const id of [1, 2]) {
      let collected = false;
      const answer = call(socket, id, "HeapProfiler.collectGarbage").then(() => {
        collected = true;
      });
      while (!collected) await Promise.race([answer, run().then(() => pause(RUN_EVERY_MS))]);
    }
    return Usage.parse(await call(socket, 3, "Runtime.getHeapUsage")).usedSize / 1024;
  } finally {
    socket.close();
  }
}

async function call(socket: WebSocket, id: number, method: string): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const read = ({ data }: MessageEvent) => {
    // The inspector also reports events, which have no id.
    const answer = Answer.safeParse(JSON.parse(String(data)));
    if (answer.success && answer.data.id === id) resolve(answer.data.result);
  };
  const fail = () => reject(new Error(`the inspector went away during ${method}`));
  socket.addEventListener("message", read);
  socket.addEventListener("close", fail);
  try {
    socket.send(JSON.stringify({ id, method }));
    return await promise;
  } finally {
    socket.removeEventListener("message", read);
    socket.removeEventListener("close", fail);
  }
}
