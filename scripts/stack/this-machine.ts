import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";

/** Whether a URL leads to this very machine, by one of its addresses. */
export function isThisMachine({ hostname }: URL): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  const loopback = address === "localhost" || address === "::1" || (isIPv4(address) && address.startsWith("127."));
  return loopback || interfaces().some((own) => own.address === address);
}

/** The IPv4 addresses under which other hosts may reach this machine. */
export function outwardAddresses(): string[] {
  return interfaces()
    .filter(({ internal, family }) => !internal && family === "IPv4")
    .map(({ address }) => address);
}

function interfaces() {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? []);
}
