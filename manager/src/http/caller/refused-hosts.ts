/** Notes which host was refused with an enrolment token: docs/API.md "Enrolment tokens". */
import type { Context } from "hono";
import { recordRefusedHost } from "../../registry/refused-hosts.ts";
import type { App } from "../router.ts";
import { clientAddress } from "./address.ts";
import { ExpiringCache } from "./expiring-cache.ts";

/** The refusals that were noted within the last minute. The same one again costs no query of the registry. */
const noted = new ExpiringCache<true>(10_000);

/** The host does not wait for this, and gets the same answer if it fails. No hub is told: a refused token wakes none. */
export function noteRefusedHost(c: Context<App>, enrolmentId: string, code: string): void {
  const address = clientAddress(c);
  const refusal = `${enrolmentId} ${code} ${address}`;
  if (noted.get(refusal)) return;
  noted.set(refusal, true);
  const host = { code, at: Date.now(), address, hostname: null };
  // The query has logged why it failed.
  c.executionCtx.waitUntil(recordRefusedHost(c.env.DB, enrolmentId, host).catch(() => {}));
}
