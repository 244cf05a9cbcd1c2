import { describe, expect } from "vitest";
import { Authority } from "./certificates.ts";
import { BUSY_MS, periods, slackMs } from "./extent.ts";
import { test as base } from "./fixtures.ts";
import { Host } from "./host.ts";
import { expectTruth } from "./invariant.ts";
import { Outage } from "./outage.ts";
import { lastRetryWait } from "./retry-wait.ts";
import { TlsFront } from "./tls-front.ts";

const test = base
  .extend("certificates", { scope: "file" }, async ({ lab }) => {
    const [trusted, stranger] = [await Authority.found(lab.dir, "trusted"), await Authority.found(lab.dir, "stranger")];
    const [good, expired, untrusted] = [await trusted.sign(2), await trusted.sign(-1), await stranger.sign(2)];
    return { trust: trusted.file, good, expired, untrusted };
  })
  .extend("front", async ({ lab, manager: _, certificates }, { onCleanup }) => {
    const front = await TlsFront.open(lab.url, certificates.good);
    onCleanup(() => front.close());
    return front;
  })
  .extend("host", async ({ lab, front, certificates }, { onCleanup }) => {
    const host = new Host(lab, { managerUrl: front.url, env: { SSL_CERT_FILE: certificates.trust } });
    onCleanup(() => host.stop());
    await host.start();
    await expectTruth(lab, [host]);
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
    async ({ fault, shown, says }, { task, lab, front, certificates, host }) => {
      const outage = await Outage.begin(task, lab, host, fault);
      front.show(certificates[shown]);
      await Promise.all([
        outage.untilOffline(periods.leaseMs + slackMs),
        outage.untilNoticed(periods.leaseMs + slackMs),
        outage.untilSaid("failed=2"),
      ]);
      expect(outage.said).toMatch(says);

      front.show(certificates.good);
      outage.over();
      expect(await outage.untilRecovered()).toBeLessThan(lastRetryWait(outage.said) + BUSY_MS);
    },
  );
});
