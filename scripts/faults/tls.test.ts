import { describe, expect } from "vitest";
import { Authority } from "../e2e/certificates.ts";
import { TlsProxy } from "../e2e/tls-proxy.ts";
import { test as base } from "./fixtures.ts";
import { Host } from "./host.ts";
import { expectInvariants } from "./invariant.ts";
import { Outage } from "./outage.ts";
import { lastRetryWait } from "./retry-wait.ts";
import { BUSY_MS, periods, slackMs } from "./timing.ts";

const test = base
  .extend("certificates", { scope: "file" }, async ({ lab }) => {
    const [trusted, stranger] = [
      await Authority.create(lab.dir, "trusted"),
      await Authority.create(lab.dir, "stranger"),
    ];
    const [good, expired, untrusted] = [await trusted.sign(2), await trusted.sign(-1), await stranger.sign(2)];
    return { trust: trusted.file, good, expired, untrusted };
  })
  .extend("tlsProxy", async ({ lab, manager: _, certificates }, { onCleanup }) => {
    const tlsProxy = await TlsProxy.open(lab.url, certificates.good);
    onCleanup(() => tlsProxy.close());
    return tlsProxy;
  })
  .extend("host", async ({ lab, tlsProxy, certificates }, { onCleanup }) => {
    const host = new Host(lab, { managerUrl: tlsProxy.url, env: { SSL_CERT_FILE: certificates.trust } });
    onCleanup(() => host.stop());
    await host.start();
    await expectInvariants(lab, [host]);
    return host;
  });

describe.concurrent("the manager's certificate", () => {
  test.for([
    {
      fault: "TLS certificate expired",
      shown: "expired",
      says: /the manager's certificate is valid from .* until .*, and this host's clock says .*: one of them is wrong/,
    },
    {
      fault: "TLS certificate of an unknown authority",
      shown: "untrusted",
      says: /signed by an authority that this host does not trust \(CN=stranger\).*SSL_CERT_FILE/,
    },
  ] as const)(
    "$fault: the agent says so, tries on and is back with the good one",
    async ({ fault, shown, says }, { task, lab, tlsProxy, certificates, host }) => {
      const outage = await Outage.begin(task, lab, host, fault);
      tlsProxy.show(certificates[shown]);
      await Promise.all([
        outage.untilOffline(periods.leaseMs + slackMs),
        outage.untilNoticed(periods.leaseMs + slackMs),
        outage.untilLogged("failed=2"),
      ]);
      expect(outage.log).toMatch(says);

      tlsProxy.show(certificates.good);
      outage.end();
      expect(await outage.untilRecovered()).toBeLessThan(lastRetryWait(outage.log) + BUSY_MS);
    },
  );
});
