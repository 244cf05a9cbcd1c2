/** Asks an inspector of V8 about its heap, by the DevTools protocol. */
import { once } from "node:events";
import { z } from "zod";

const Usage = z.object({ usedSize: z.number() });
const Answer = z.object({ id: z.number(), result: z.unknown() });

/** The size of a heap after a collection, in KiB. @param url where the inspector listens */
export async function heapKib(url: URL): Promise<number> {
  url.protocol = "ws:";
  const socket = new WebSocket(url);
  try {
    await once(socket, "open");
    // The first collection lets finalizers run, whose objects the second one takes. workerd never tells that it has done this.
    for (const id of [1, 2]) socket.send(JSON.stringify({ id, method: "HeapProfiler.collectGarbage" }));
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
