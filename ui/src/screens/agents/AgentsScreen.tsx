import { createMemo, createSignal, lazy, Match, Show, Suspense, Switch } from "solid-js";
import { Freshness, useStale } from "../../agents/Freshness.tsx";
import { agentIdAt } from "../../agents/name.ts";
import { useDialogs } from "../../components/dialogs.tsx";
import { rescueFocus } from "../../components/focus.ts";
import { formatCount } from "../../components/format.ts";
import { useIsNarrow } from "../../components/narrow.ts";
import { go, path, withParams } from "../../router.ts";
import { useLiveView } from "../../useLive.ts";
import { AgentTable } from "./AgentTable.tsx";
import { Filters } from "./Filters.tsx";
import { changeQuery, useListQuery } from "./listQuery.ts";
import { NoAnswer } from "./NoAnswer.tsx";
import { useOrder } from "./order.ts";
import { Skeleton } from "./Skeleton.tsx";
import { useSelection } from "./selection.ts";
import "./AgentsScreen.css";

const AddAgent = lazy(() => import("../add/AddAgent.tsx"));
const AgentPage = lazy(() => import("../agent/AgentPage.tsx"));
const EmptyState = lazy(() => import("./EmptyState.tsx"));
const NothingFound = lazy(() => import("./NothingFound.tsx"));
const SelectionBar = lazy(() => import("./SelectionBar.tsx"));

/** All agents, at /agents; one of them beside the list at /agents/<id>. */
export function AgentsScreen() {
  const live = useLiveView();
  const { state, counts } = live;
  const open = useDialogs();
  const isNarrow = useIsNarrow();
  const stale = useStale(state);

  const query = useListQuery();
  const [menuIsOpen, setMenuIsOpen] = createSignal(false);
  const order = useOrder(live, query, menuIsOpen);
  const selection = useSelection(live, order);

  const openedId = createMemo(() => agentIdAt(path()));
  const showAll = () => {
    changeQuery({ group: "all", words: "", labels: [] });
    // The button that had it is gone.
    queueMicrotask(rescueFocus);
  };
  const add = () => open((close) => <AddAgent onClose={close} />);

  return (
    <>
      {/* On a narrow window the agent's page is in front of all of it. */}
      <div class="agents-screen" inert={isNarrow() && openedId() !== undefined}>
        <div class="agents-head">
          <h1 tabindex="-1">Agents</h1>
          <Freshness state={state} stale={stale()} />
          <Show when={counts().all > 0}>
            <button class="button primary" type="button" onClick={add}>
              Add agent
            </button>
          </Show>
        </div>
        <Show when={counts().all > 0 && (state.loaded || state.error === null)}>
          <Filters query={query()} />
        </Show>
        <Show when={state.unreadable > 0}>
          <p class="agents-unreadable" role="status">
            Not shown: {formatCount(state.unreadable)} {state.unreadable === 1 ? "agent" : "agents"} that this page
            cannot read. Reload the page: the manager may be newer.
          </p>
        </Show>
        <Switch>
          <Match when={!state.loaded && state.error !== null}>
            <NoAnswer error={state.error} />
          </Match>
          <Match when={!state.loaded && counts().all === 0}>
            <Skeleton />
          </Match>
          <Match when={counts().all === 0}>
            <Suspense>
              <EmptyState onAdd={add} />
            </Suspense>
          </Match>
          <Match when={order().length === 0}>
            <Suspense>
              <NothingFound query={query()} onShowAll={showAll} />
            </Suspense>
          </Match>
          <Match when={true}>
            <AgentTable
              order={order()}
              query={query()}
              selection={selection}
              stale={stale()}
              openedId={openedId()}
              onMenu={setMenuIsOpen}
            />
          </Match>
        </Switch>
        <Show when={selection.ids().size > 0}>
          <Suspense>
            <SelectionBar selection={selection} />
          </Suspense>
        </Show>
      </div>
      <Show when={openedId()} keyed>
        {(id) => (
          <Suspense>
            <AgentPage id={id} onClose={() => go(withParams("/agents"))} />
          </Suspense>
        )}
      </Show>
    </>
  );
}
