import { useQuery } from "@tanstack/solid-query";
import { createEffect, createMemo, For, Match, on, onCleanup, Show, Switch } from "solid-js";
import { type Agent, isOnline } from "../../agents/agent.ts";
import { takeUnattended } from "../../attendance.ts";
import { formatCount, locale } from "../../components/format.ts";
import { PageSection } from "../../components/PageSection.tsx";
import { readSubscriptions } from "./agentApi.ts";
import "./Subscriptions.css";

/** An agent subscribes just after it has come online. */
const hasSubscribedMs = 2_000;

/** What an agent subscribes to. The feed does not tell of it, so it is read once for each connection, and on demand. */
export function Subscriptions(props: { agent: Agent }) {
  const query = useQuery(() => ({
    queryKey: ["subscriptions", props.agent.id],
    queryFn: ({ signal }) => readSubscriptions(props.agent.id, signal, takeUnattended()),
    enabled: isOnline(props.agent),
    refetchOnWindowFocus: false,
  }));

  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));
  const connection = createMemo(() => (isOnline(props.agent) ? props.agent.generation : undefined));
  createEffect(
    on(
      connection,
      (online) => {
        clearTimeout(timer);
        if (online !== undefined) timer = setTimeout(() => void query.refetch(), hasSubscribedMs);
      },
      { defer: true },
    ),
  );

  return (
    <PageSection
      title="Subscriptions"
      aside={
        <button
          class="button small"
          type="button"
          aria-disabled={query.isFetching || !isOnline(props.agent)}
          onClick={() => isOnline(props.agent) && void query.refetch()}
        >
          Read again
        </button>
      }
    >
      <Switch>
        <Match when={!isOnline(props.agent)}>
          <p class="muted">None: the agent is not connected.</p>
        </Match>
        <Match when={query.error}>
          {(error) => (
            <p class="problem" role="alert">
              {error().message}
            </p>
          )}
        </Match>
        {/* To read the data before there are any would suspend the whole page. */}
        <Match when={query.dataUpdatedAt === 0}>
          <p class="muted">Loading…</p>
        </Match>
        <Match when={query.data}>
          {(status) => (
            <>
              <Show when={status().patterns.length > 0} fallback={<p class="muted">It subscribes to nothing.</p>}>
                <ul class="subscriptions-patterns">
                  <For each={status().patterns}>
                    {(pattern) => (
                      <li>
                        <code>{pattern}</code>
                      </li>
                    )}
                  </For>
                </ul>
              </Show>
              <dl class="subscriptions-counts">
                <div>
                  <dt title="On the present connection">Delivered</dt>
                  <dd>
                    <bdi lang={locale}>{formatCount(status().delivered)}</bdi>
                  </dd>
                </div>
                <div classList={{ dropping: status().dropped > 0 }}>
                  <dt title="Not sent, because the agent was too far behind">Dropped</dt>
                  <dd>
                    <bdi lang={locale}>{formatCount(status().dropped)}</bdi>
                  </dd>
                </div>
                <div>
                  <dt title="Sent, but not yet processed by the agent">In flight</dt>
                  <dd>
                    <bdi lang={locale}>{formatCount(status().unacknowledged)}</bdi>
                  </dd>
                </div>
              </dl>
            </>
          )}
        </Match>
      </Switch>
    </PageSection>
  );
}
