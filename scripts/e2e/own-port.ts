import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that Linux and macOS hand out by themselves, to servers on port 0 and to outgoing connections. */
const range = { first: 20_000, end: 32_000 };
const attempts = 100;

/**
 * A port of the loopback interface for a server that starts later, and perhaps again. It is free now, and no other caller
 * on this machine gets it while this process lives: the process holds the UDP port of the same number. A port that the
 * system chose could be given away again before the server listens.
 */
export async function ownPort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(range.first, range.end);
    if ((await hold(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no free port from ${range.first} to ${range.end - 1}`);
}

/** Whether that port of the loopback interface is free at this moment. */
export async function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = createServer();
  probe.once("error", () => resolve(false));
  probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  return await promise;
}

/** Takes the UDP port until this process ends. False if another process has it. */
async function hold(port: number): Promise<boolean> {
  const socket = createSocket("udp4").unref();
  socket.bind({ port, address: "127.0.0.1", exclusive: true });
  return await once(socket, "listening").then(
    () => true,
    () => false,
  );
}
