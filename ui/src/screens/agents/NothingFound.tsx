import { Match, Switch } from "solid-js";
import type { ListQuery } from "../../agents/list.ts";

/** Shown instead of the table if no agent fits. */
export default function NothingFound(props: { query: ListQuery; onShowAll: () => void }) {
  return (
    <section class="panel message">
      <p>
        <Switch>
          <Match when={props.query.labels.length > 0}>No agent matches all filters.</Match>
          <Match when={props.query.words.trim() !== ""}>
            No agent matches{" "}
            <strong>
              <bdi>{props.query.words}</bdi>
            </strong>
            .
          </Match>
          <Match when={props.query.group === "trouble"}>No agent is in trouble.</Match>
          <Match when={true}>No agent is {props.query.group}.</Match>
        </Switch>
      </p>
      <button class="button" type="button" onClick={() => props.onShowAll()}>
        Show all agents
      </button>
    </section>
  );
}
