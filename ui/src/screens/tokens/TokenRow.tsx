import { createMemo, For, Match, Show, Switch } from "solid-js";
import { LabelText } from "../../agents/LabelText.tsx";
import { useManagerClock } from "../../clock.ts";
import { Badge } from "../../components/Badge.tsx";
import { Cell } from "../../components/Cell.tsx";
import { useDialogs } from "../../components/dialogs.tsx";
import { formatCount } from "../../components/format.ts";
import { Icon } from "../../components/Icon.tsx";
import { RelativeTime } from "../../components/RelativeTime.tsx";
import { TimeLeft } from "../../components/TimeLeft.tsx";
import { RefusedHost } from "../../tokens/RefusedHost.tsx";
import { explainRefusal } from "../../tokens/refusal.ts";
import { RevokeToken } from "./RevokeToken.tsx";
import { TokenHosts } from "./TokenHosts.tsx";
import { TokenName, tokenName } from "./TokenName.tsx";
import { statusAt, type Token } from "./token.ts";
import "./TokenRow.css";

const looks = {
  active: { tone: "good", icon: "dot" },
  used: { tone: "calm", icon: "check" },
  expired: { tone: "calm", icon: "ring" },
  revoked: { tone: "calm", icon: "close" },
} as const;

export function TokenRow(props: { token: Token; reload: () => Promise<unknown> }) {
  const open = useDialogs();
  const now = useManagerClock();
  const status = createMemo(() => statusAt(props.token, now()));
  const revoke = () => {
    const token = { ...props.token };
    open((close) => <RevokeToken token={token} reload={props.reload} onClose={close} />);
  };

  return (
    <tr>
      <th scope="row" class="table-whole">
        <span class="token-name">
          <TokenName token={props.token} />
        </span>
        <Show when={props.token.labels.length > 0}>
          <span class="token-labels">
            <For each={props.token.labels}>{(label) => <LabelText label={label} />}</For>
          </span>
        </Show>
      </th>
      <Cell label="Status">
        <Badge {...looks[status()]}>{status()}</Badge>
      </Cell>
      <Cell label="Uses">
        <bdi>
          {formatCount(props.token.uses)} of {formatCount(props.token.maxUses)}
        </bdi>
      </Cell>
      <Cell label="Validity">
        <Switch>
          <Match when={props.token.revokedAt} keyed>
            {(time) => (
              <>
                revoked <RelativeTime time={time} />
              </>
            )}
          </Match>
          <Match when={props.token.expiresAt <= now()}>
            expired <RelativeTime time={props.token.expiresAt} />
          </Match>
          <Match when={true}>
            expires <TimeLeft time={props.token.expiresAt} />
          </Match>
        </Switch>
      </Cell>
      <Cell label="Created">
        <RelativeTime time={props.token.createdAt} />
      </Cell>
      <Cell label="Hosts">
        <TokenHosts token={props.token} />
        <Show when={props.token.lastRefusal}>
          {(refusal) => (
            <p class="token-refusal">
              <Icon name="alert" /> refused <RelativeTime time={refusal().at} />: <RefusedHost refusal={refusal()} />
              <span class="detail">{explainRefusal(refusal())}</span>
            </p>
          )}
        </Show>
      </Cell>
      <Cell>
        <div class="token-actions">
          <Show when={status() === "active"}>
            <button class="button" type="button" aria-label={`Revoke ${tokenName(props.token)}`} onClick={revoke}>
              Revoke…
            </button>
          </Show>
          <a
            class="button quiet"
            href={`/audit?target=${encodeURIComponent(props.token.id)}`}
            aria-label={`Audit of ${tokenName(props.token)}`}
          >
            Audit
          </a>
        </div>
      </Cell>
    </tr>
  );
}
