import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";

/** Whether the host of a URL is one of this machine's addresses. */
export function isThisMachine({ hostname }: URL): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  return isLoopback(address) || interfaces().some((own) => own.address === address);
}

/** The addresses at which other hosts reach a server that listens on `host`; none if that is loopback. */
export function outwardAddresses(host: string): string[] {
  if (isLoopback(host)) return [];
  if (!["0.0.0.0", "::"].includes(host)) return [host];
  return interfaces()
    .filter(({ internal, family }) => !internal && family === "IPv4")
    .map(({ address }) => address);
}

function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || (isIPv4(address) && address.startsWith("127."));
}

function interfaces() {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? []);
}
