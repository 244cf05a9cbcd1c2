import { networkInterfaces } from "node:os";

/** Whether a URL leads to this very machine, by one of its addresses. */
export function isThisMachine({ hostname }: URL): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  const own = Object.values(networkInterfaces()).flatMap((list) => list?.map((entry) => entry.address) ?? []);
  return address === "localhost" || address === "::1" || address.startsWith("127.") || own.includes(address);
}
