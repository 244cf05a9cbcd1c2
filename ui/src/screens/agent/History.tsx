import { createMemo, Match, Switch } from "solid-js";
import type { Agent } from "../../agents/agent.ts";
import { PageSection } from "../../components/PageSection.tsx";
import { readHistoryAgainMs, useHistory } from "./historyQuery.ts";
import { TimelineBar } from "./TimelineBar.tsx";
import { TimelineLegend } from "./TimelineLegend.tsx";
import { TimelineList } from "./TimelineList.tsx";

const dayMs = 86_400_000;

/** When an agent was online, and why it was not; kept up to date while it is shown. */
export function History(props: { agent: Agent }) {
  const query = useHistory(() => props.agent);

  // The query clears its error during the next attempt. The last error stays, so that the text does not flicker.
  const problem = createMemo<string | undefined>((previous) => (query.isPending ? previous : query.error?.message));

  return (
    <PageSection title="Online over time">
      <p class="problem" role="alert">
        {problem()}
      </p>
      <Switch>
        {/* To read the data before there are any would suspend the whole page. */}
        <Match when={query.dataUpdatedAt === 0}>
          <p class="muted">
            {problem() === undefined ? "Loading…" : `Retrying every ${readHistoryAgainMs / 1_000} seconds.`}
          </p>
        </Match>
        <Match when={query.data?.events.length === 0}>
          <p class="muted">No connection recorded yet.</p>
        </Match>
        <Match when={query.data}>
          {(history) => (
            <>
              <TimelineBar title="24 hours" lengthMs={dayMs} events={history().events} uptime={history().uptime.day} />
              <TimelineBar
                title="7 days"
                lengthMs={7 * dayMs}
                events={history().events}
                uptime={history().uptime.week}
              />
              <TimelineLegend />
              <TimelineList events={history().events} />
            </>
          )}
        </Match>
      </Switch>
    </PageSection>
  );
}
