import { createMemo, Match, onMount, Show, Switch } from "solid-js";
import { useManagerClock } from "../clock.ts";
import { Dialog } from "../components/Dialog.tsx";
import { AgentName } from "./AgentName.tsx";
import { type Agent, isFlapping } from "./agent.ts";
import { FlappingBadge, flappingExplanation } from "./FlappingBadge.tsx";
import { formatShare } from "./history.ts";
import { readHistoryAgainMs, useHistory } from "./historyQuery.ts";
import { explainPresence } from "./presence.ts";
import { StatusBadge } from "./StatusBadge.tsx";
import { Timeline } from "./Timeline.tsx";
import "./AgentHistory.css";

/**
 * The connections and outages of an agent, kept up to date while it is open. `agent` is the live object, not a copy.
 */
export default function AgentHistory(props: { agent: Agent; onClose: () => void }) {
  let close!: HTMLButtonElement;
  const query = useHistory(() => props.agent);
  const now = useManagerClock();
  const flapping = createMemo(() => isFlapping(props.agent, now()));
  const share = (of: "day" | "week") => formatShare(query.data?.uptime[of] ?? null);

  // The query clears its error during the next attempt. The last error stays, so that the text does not flicker.
  const problem = createMemo<string | undefined>((previous) => (query.isPending ? previous : query.error?.message));

  // The button is below the timeline, and new entries appear at its top.
  onMount(() => close.focus({ preventScroll: true }));

  return (
    <Dialog title="Connection history" wide onClose={props.onClose}>
      <div class="history">
        <div class="history-agent">
          <strong>
            <AgentName agent={props.agent} />
          </strong>
          <StatusBadge presence={props.agent} />
          <Show when={flapping()}>
            <FlappingBadge />
          </Show>
        </div>
        <Show when={explainPresence(props.agent)}>{(words) => <p class="detail">{words()}</p>}</Show>
        <Show when={flapping()}>
          <p class="detail">{flappingExplanation}</p>
        </Show>
        <dl class="uptime">
          <div>
            <dt>Uptime, 24 hours</dt>
            <dd>{share("day")}</dd>
          </div>
          <div>
            <dt>Uptime, 7 days</dt>
            <dd>{share("week")}</dd>
          </div>
        </dl>
        <p class="problem" role="alert">
          {problem()}
        </p>
        <Switch>
          <Match when={query.data === undefined}>
            <p class="muted history-none">
              {problem() === undefined ? "Loading…" : `Retrying every ${readHistoryAgainMs / 1_000} seconds.`}
            </p>
          </Match>
          <Match when={query.data?.events.length === 0}>
            <p class="muted history-none">No connection recorded yet.</p>
          </Match>
          <Match when={query.data?.events}>
            {(events) => (
              // Focusable, because the keyboard scrolls only what has the focus.
              <section class="history-events" aria-label="Connection timeline" tabindex="0">
                <Timeline events={events()} />
              </section>
            )}
          </Match>
        </Switch>
        <div class="dialog-buttons">
          <button class="button" type="button" ref={close} onClick={() => props.onClose()}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}
