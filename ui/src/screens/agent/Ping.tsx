import { useMutation } from "@tanstack/solid-query";
import { Match, Switch } from "solid-js";
import type { Agent } from "../../agents/agent.ts";
import { formatMs } from "../../components/duration.ts";
import { locale } from "../../components/format.ts";
import { sendRequest } from "./agentApi.ts";
import { explainRequestError } from "./requestErrors.ts";
import "./Ping.css";

const timeoutMs = 5_000;

/** Asks the agent for an echo, and shows how long it took. */
export function Ping(props: { agent: Agent }) {
  const pinging = useMutation(() => ({
    mutationFn: () => sendRequest(props.agent.id, { subject: "test.echo", dataJson: '"ping"', timeoutMs }),
  }));

  return (
    <div class="ping">
      <button
        class="button"
        type="button"
        aria-disabled={pinging.isPending}
        onClick={() => !pinging.isPending && pinging.mutate()}
      >
        Ping
      </button>
      <p class="ping-result" role="status">
        <Switch fallback={<span class="muted">From this page to the agent and back</span>}>
          <Match when={pinging.isPending}>
            <span class="muted">Waiting for the echo…</span>
          </Match>
          <Match when={pinging.error}>{(error) => <span class="problem">{explainRequestError(error())}</span>}</Match>
          <Match when={pinging.data}>
            {(reply) => (
              <span>
                Answered in{" "}
                <strong>
                  <bdi lang={locale}>{formatMs(reply().tookMs)}</bdi>
                </strong>
              </span>
            )}
          </Match>
        </Switch>
      </p>
    </div>
  );
}
