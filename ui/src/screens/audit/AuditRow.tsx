import { For, Show } from "solid-js";
import { Cell } from "../../components/Cell.tsx";
import { Stamp } from "../../components/Stamp.tsx";
import { AuditTarget } from "./AuditTarget.tsx";
import { type AuditEntry, describeAction, describeDetail } from "./audit.ts";
import "./AuditRow.css";

const ways: Readonly<Record<string, string>> = { session: "Dashboard", password: "Password" };

export function AuditRow(props: { entry: AuditEntry }) {
  const target = () => {
    const { entry } = props;
    return entry.target === null ? undefined : { ...entry, target: entry.target };
  };
  return (
    <tr>
      <Cell label="When">
        <span class="audit-when">
          <Stamp time={props.entry.at} />
        </span>
      </Cell>
      <Cell label="Action">
        <span class="audit-action" title={props.entry.action}>
          {describeAction(props.entry.action)}
        </span>
      </Cell>
      <Cell label="Target">
        <Show when={target()}>{(known) => <AuditTarget entry={known()} />}</Show>
      </Cell>
      <Cell label="Details">
        <For each={describeDetail(props.entry.detail)}>
          {({ term, value }) => (
            <span class="audit-detail">
              <span class="muted">{term}</span> <bdi>{value}</bdi>
            </span>
          )}
        </For>
      </Cell>
      <Cell label="By">
        <span class="audit-by">{ways[props.entry.via] ?? props.entry.via}</span>{" "}
        <bdi class="muted">{props.entry.address}</bdi>
      </Cell>
    </tr>
  );
}
