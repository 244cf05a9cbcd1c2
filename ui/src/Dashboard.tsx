import { createMemo, createSignal, Match, Show, Switch } from "solid-js";
import { AddAgent } from "./AddAgent.tsx";
import { AgentTable } from "./AgentTable.tsx";
import { matchesFilter } from "./agent.ts";
import { EmptyState } from "./EmptyState.tsx";
import { Freshness, useStale } from "./Freshness.tsx";
import { Header } from "./Header.tsx";
import { NoAnswer } from "./NoAnswer.tsx";
import { Skeleton } from "./Skeleton.tsx";
import { Toast } from "./Toast.tsx";
import { LiveContext, useLive } from "./useLive.ts";
import "./Dashboard.css";

/** With fewer agents than this, the operator needs no filter. */
const filterFrom = 6;

/** The page for a logged-in operator. */
export function Dashboard(props: { onLoggedOut: () => void }) {
  const live = useLive(() => props.onLoggedOut());
  const { agents, state } = live;
  const [adding, setAdding] = createSignal(false);
  const [filter, setFilter] = createSignal("");

  const shown = createMemo(() =>
    filter() === "" ? agents() : agents().filter((agent) => matchesFilter(agent, filter())),
  );
  // While the first reading has some pages and not all, the numbers are not known yet, and no agent is new.
  const all = () => (state.loaded ? agents() : undefined);
  const stale = useStale(state);

  return (
    <LiveContext.Provider value={live}>
      <Header agents={all()} stale={stale()} onLoggedOut={props.onLoggedOut} />
      <main class="page">
        <div class="toolbar">
          <div class="toolbar-title">
            <h1>Agents</h1>
            <Freshness state={state} stale={stale()} />
          </div>
          <Show when={agents().length >= filterFrom || filter() !== ""}>
            <input
              class="filter"
              type="search"
              aria-label="Filter agents"
              placeholder="Filter by name, address or id"
              value={filter()}
              onInput={(event) => setFilter(event.currentTarget.value)}
            />
          </Show>
          <Show when={agents().length > 0}>
            <button class="button primary" type="button" onClick={() => setAdding(true)}>
              Add agent
            </button>
          </Show>
        </div>
        <Switch>
          <Match when={!state.loaded && state.error !== null}>
            <NoAnswer error={state.error} />
          </Match>
          <Match when={!state.loaded && agents().length === 0}>
            <Skeleton />
          </Match>
          <Match when={agents().length === 0}>
            <EmptyState onAdd={() => setAdding(true)} />
          </Match>
          <Match when={shown().length === 0}>
            <section class="panel nothing-found">
              <p>
                No agent matches <strong>{filter()}</strong>.
              </p>
              <button class="button" type="button" onClick={() => setFilter("")}>
                Clear filter
              </button>
            </section>
          </Match>
          <Match when={true}>
            <AgentTable agents={shown()} stale={stale()} />
          </Match>
        </Switch>
      </main>
      <Show when={adding()}>
        <AddAgent agents={agents()} onClose={() => setAdding(false)} />
      </Show>
      <Toast agents={all()} />
    </LiveContext.Provider>
  );
}
