import { once } from "node:events";
import { createServer } from "node:net";
import { listen } from "./listen.ts";

/** A port of the loopback interface that is free at this moment. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  const port = await listen(probe, "127.0.0.1");
  probe.close();
  await once(probe, "close");
  return port;
}

/** Whether that port of the loopback interface is free at this moment. */
export async function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = createServer();
  probe.once("error", () => resolve(false));
  probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  return await promise;
}
