import { For, Show } from "solid-js";
import { LabelText } from "../../agents/LabelText.tsx";
import { filterWords } from "../../agents/label.ts";
import { Cell } from "../../components/Cell.tsx";
import { formatCount } from "../../components/format.ts";
import { RelativeTime } from "../../components/RelativeTime.tsx";
import type { Publication } from "./publication.ts";

export function PublicationRow(props: { publication: Publication; onAgain: () => void }) {
  return (
    <tr>
      <Cell label="Sent">
        <RelativeTime time={props.publication.at} />
      </Cell>
      <Cell label="Subject">
        <bdi class="publication-subject">{props.publication.subject}</bdi>
        <Show when={props.publication.labels.length > 0}>
          <span class="publication-labels">
            <For each={props.publication.labels}>{(filter) => <LabelText label={filterWords(filter)} />}</For>
          </span>
        </Show>
      </Cell>
      <Cell label="Data">
        <pre class="publication-data" dir="auto">
          {props.publication.data}
        </pre>
      </Cell>
      <Cell label="Delivered">
        <bdi>{formatCount(props.publication.delivered)}</bdi>
        <Show when={props.publication.dropped > 0}>
          <span class="problem">, dropped {formatCount(props.publication.dropped)}</span>
        </Show>
      </Cell>
      <Cell>
        <button class="button publication-again" type="button" onClick={() => props.onAgain()}>
          Use again
        </button>
      </Cell>
    </tr>
  );
}
