import { once } from "node:events";
import type { Server } from "node:net";

/** Makes a server listen on an address of this machine, and returns its port. */
export async function listen(server: Server, host: string): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
}
