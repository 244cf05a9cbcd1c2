import { createMemo, createSignal, Match, Show, Switch } from "solid-js";
import { AddAgent } from "../../agents/AddAgent.tsx";
import { matchesFilter } from "../../agents/agent.ts";
import { Freshness, useStale } from "../../agents/Freshness.tsx";
import { useDialogs } from "../../components/dialogs.tsx";
import { go, path, withParams } from "../../router.ts";
import { useLiveView } from "../../useLive.ts";
import { AgentPage } from "../agent/AgentPage.tsx";
import { AgentTable } from "./AgentTable.tsx";
import { EmptyState } from "./EmptyState.tsx";
import { NoAnswer } from "./NoAnswer.tsx";
import { Skeleton } from "./Skeleton.tsx";
import "./AgentsScreen.css";

/** With fewer agents than this, the operator needs no filter. */
const filterFrom = 6;

/** All agents, at /agents; one of them beside the list at /agents/<id>. */
export function AgentsScreen() {
  const live = useLiveView();
  const { agents, state } = live;
  const open = useDialogs();
  const [filter, setFilter] = createSignal("");
  const shown = createMemo(() =>
    filter() === "" ? agents() : agents().filter((agent) => matchesFilter(agent, filter())),
  );
  const stale = useStale(state);
  const openedId = createMemo(() => {
    const [, , id] = path().split("/");
    return id === undefined || id === "" ? undefined : decodeURIComponent(id);
  });
  const add = () => open((close) => <AddAgent agents={agents()} onClose={close} />);

  return (
    <>
      <div class="toolbar">
        <div class="toolbar-title">
          <h1 tabindex="-1">Agents</h1>
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
          <button class="button primary" type="button" onClick={add}>
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
          <EmptyState onAdd={add} />
        </Match>
        <Match when={shown().length === 0}>
          <section class="panel message">
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
      <Show when={openedId()} keyed>
        {(id) => <AgentPage id={id} onClose={() => go(withParams("/agents"))} />}
      </Show>
    </>
  );
}
