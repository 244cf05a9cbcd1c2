import { createSignal, Match, Show, Switch } from "solid-js";
import { AddAgent } from "./AddAgent.tsx";
import { AgentTable } from "./AgentTable.tsx";
import { matchesFilter } from "./agent.ts";
import { useAgents, useStaleness } from "./agentsQuery.ts";
import { EmptyState } from "./EmptyState.tsx";
import { Freshness } from "./Freshness.tsx";
import { Header } from "./Header.tsx";
import { NoAnswer } from "./NoAnswer.tsx";
import { Skeleton } from "./Skeleton.tsx";
import { Toast } from "./Toast.tsx";
import "./Dashboard.css";

/** With fewer agents than this, the operator needs no filter. */
const filterFrom = 6;

/** The page for a logged-in operator. */
export function Dashboard(props: { onLoggedOut: () => void }) {
  const query = useAgents();
  const [adding, setAdding] = createSignal(false);
  const [filter, setFilter] = createSignal("");

  const agents = () => query.data ?? [];
  const shown = () => (filter() === "" ? agents() : agents().filter((agent) => matchesFilter(agent, filter())));
  const failed = () => query.errorUpdateCount > 0;
  const staleMs = useStaleness(query);

  return (
    <>
      <Header agents={query.data} stale={staleMs() !== null} onLoggedOut={props.onLoggedOut} />
      <main class="page">
        <div class="toolbar">
          <div class="toolbar-title">
            <h1>Agents</h1>
            <Freshness answered={query.data !== undefined} staleMs={staleMs()} error={query.error} />
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
          <Match when={query.data === undefined && !failed()}>
            <Skeleton />
          </Match>
          <Match when={query.data === undefined}>
            <NoAnswer error={query.error} />
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
            <AgentTable agents={shown()} stale={staleMs() !== null} />
          </Match>
        </Switch>
      </main>
      <Show when={adding()}>
        <AddAgent agents={agents()} onClose={() => setAdding(false)} />
      </Show>
      <Toast agents={query.data} />
    </>
  );
}
