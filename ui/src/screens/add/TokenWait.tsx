import { useMutation } from "@tanstack/solid-query";
import { createMemo, For, onMount, Show } from "solid-js";
import { isOnline } from "../../agents/agent.ts";
import { useManagerClock } from "../../clock.ts";
import { CopyField } from "../../components/CopyField.tsx";
import { formatDuration } from "../../components/duration.ts";
import { formatCount } from "../../components/format.ts";
import { Moment } from "../../components/RelativeTime.tsx";
import { RefusedHost } from "../../tokens/RefusedHost.tsx";
import { explainRefusal } from "../../tokens/refusal.ts";
import { useLiveView } from "../../useLive.ts";
import { AgentCommand } from "./AgentCommand.tsx";
import { TokenHost } from "./TokenHost.tsx";
import type { MintedToken } from "./token.ts";
import { revokeToken } from "./tokenApi.ts";
import { describeWait } from "./tokenProgress.ts";
import { useToken } from "./tokenQuery.ts";
import "./TokenWait.css";

interface TokenWaitProps {
  token: MintedToken;
  /** Another token is wanted. */
  onAnother: () => void;
  onClose: () => void;
}

/** Shows how to enrol a host with a new token, and the hosts that have done so. Hosts of other tokens do not count. */
export function TokenWait(props: TokenWaitProps) {
  let heading!: HTMLParagraphElement;
  const live = useLiveView();
  const now = useManagerClock();
  // The component is made anew for another token.
  const query = useToken(props.token.id, live);
  const revoking = useMutation(() => ({
    mutationFn: () => revokeToken(props.token.id),
    onSuccess: () => query.refetch(),
  }));

  const use = () => query.data;
  const secondsLeft = () => Math.max(0, Math.floor((props.token.expiresAt - now()) / 1_000));
  const status = createMemo(() => {
    if (revoking.isSuccess) return "revoked";
    const known = use()?.status ?? "active";
    return known === "active" && secondsLeft() === 0 ? "expired" : known;
  });
  const hostIds = createMemo(() => use()?.agentIds ?? []);
  const progress = createMemo(() => {
    const hosts = hostIds().flatMap((id) => live.agent(id) ?? []);
    return describeWait({
      status: status(),
      maxUses: props.token.maxUses,
      uses: use()?.uses ?? 0,
      known: hosts.length,
      online: hosts.filter(isOnline).length,
    });
  });
  const forHosts = () => (props.token.maxUses === 1 ? "one host" : `${formatCount(props.token.maxUses)} hosts`);

  onMount(() => heading.focus());

  return (
    <>
      <p class="muted token-wait-life" tabindex="-1" ref={heading}>
        <Show when={status() === "active"} fallback="No further host can enrol with this token.">
          This token is for {forHosts()}, and valid for {formatDuration(secondsLeft() * 1_000)} more.
        </Show>
      </p>
      <ol class="steps">
        <li>
          <AgentCommand />
        </li>
        <li>
          <CopyField label="Paste this token when it asks" value={props.token.token} secret />
          <p class="detail">It is not shown again.</p>
        </li>
      </ol>
      <div class="token-wait-news">
        <div class={`arrival ${progress().tone}`}>
          <p class="arrival-words" role="status">
            {progress().words}
          </p>
          <Show when={hostIds().length > 0}>
            <ul class="arrival-hosts">
              <For each={hostIds()}>{(id) => <TokenHost id={id} onOpen={props.onClose} />}</For>
            </ul>
          </Show>
        </div>
        {/* It is read out when it changes, so it has no time that grows. */}
        <div role="alert">
          <Show when={use()?.lastRefusal}>
            {(refusal) => (
              <p class="token-wait-refusal">
                <strong>A host was refused</strong> at <Moment time={refusal().at} />: {explainRefusal(refusal())}.{" "}
                <span class="token-wait-refused">
                  <RefusedHost refusal={refusal()} />
                </span>
              </p>
            )}
          </Show>
        </div>
      </div>
      <Show when={props.token.maxUses === 1 && hostIds().length > 0}>
        <p class="detail">Not your host? Then another one has used this token: remove it, and create another token.</p>
      </Show>
      <Show when={status() === "active" && hostIds().length === 0}>
        <details class="token-wait-help">
          <summary>The host does not appear?</summary>
          <p>Its agent says why on the host's terminal:</p>
          <dl>
            <dt>invalid_token</dt>
            <dd>The token was not copied whole, or it is another manager's.</dd>
            <dt>anything else</dt>
            <dd>The host does not reach {location.origin}. The agent tries again by itself.</dd>
          </dl>
        </details>
      </Show>
      <p class="problem" role="alert">
        {revoking.error?.message ?? query.error?.message}
      </p>
      <div class="dialog-buttons">
        <Show
          when={status() === "active"}
          fallback={
            <button class="button" type="button" onClick={() => props.onAnother()}>
              Create another token
            </button>
          }
        >
          <button
            class="button"
            type="button"
            aria-disabled={revoking.isPending}
            onClick={() => !revoking.isPending && revoking.mutate()}
          >
            Revoke token
          </button>
        </Show>
        <button class="button primary" type="button" onClick={() => props.onClose()}>
          {progress().tone === "arrived" ? "Done" : "Close"}
        </button>
      </div>
    </>
  );
}
