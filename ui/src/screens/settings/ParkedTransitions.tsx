import { useQuery } from "@tanstack/solid-query";
import { For, Show } from "solid-js";
import { takeUnattended } from "../../attendance.ts";
import { Cell } from "../../components/Cell.tsx";
import { ConfirmDialog } from "../../components/ConfirmDialog.tsx";
import { useDialogs } from "../../components/dialogs.tsx";
import { Loaded } from "../../components/Loaded.tsx";
import { Stamp } from "../../components/Stamp.tsx";
import { Table } from "../../components/Table.tsx";
import { forgetParked, listParked } from "./maintenance.ts";
import { Section } from "./Section.tsx";
import "./ParkedTransitions.css";

const columns = ["Parked", "Error", "Transition"];

export function ParkedTransitions() {
  const open = useDialogs();
  const query = useQuery(() => ({
    queryKey: ["parked"],
    queryFn: ({ signal }) => listParked(signal, takeUnattended()),
  }));
  const forget = async () => {
    await forgetParked();
    // The button must be gone when the dialog gives the focus back.
    await query.refetch();
  };
  const ask = () =>
    open((close) => (
      <ConfirmDialog title="Forget the parked transitions?" action="Forget" danger act={forget} onClose={close}>
        <p>The list is deleted in all hubs. The next transition of each agent corrects what is shown of it.</p>
      </ConfirmDialog>
    ));

  return (
    <Section title="Parked transitions">
      <p class="muted">
        Changes of agents’ presence that the manager’s database has rejected. Normally there are none.
      </p>
      <div class="parked-list">
        <Loaded query={query}>
          {(parked) => (
            <Show when={parked().length > 0} fallback={<p>There are none.</p>}>
              <Table label="Parked transitions" columns={columns}>
                <For each={parked()}>
                  {({ at, error, transition }) => (
                    <tr>
                      <Cell label="Parked">
                        <Stamp time={at} />
                      </Cell>
                      <Cell label="Error">{error}</Cell>
                      <Cell label="Transition">
                        <code class="parked-json">{transition}</code>
                      </Cell>
                    </tr>
                  )}
                </For>
              </Table>
            </Show>
          )}
        </Loaded>
      </div>
      <Show when={!query.isPending && (query.data?.length ?? 0) > 0}>
        <button class="button" type="button" onClick={ask}>
          Forget all…
        </button>
      </Show>
    </Section>
  );
}
