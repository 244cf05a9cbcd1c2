import { keepPreviousData, useQuery } from "@tanstack/solid-query";
import { createEffect, createMemo, For, on, Show } from "solid-js";
import { takeUnattended } from "../../attendance.ts";
import { rescueFocus } from "../../components/focus.ts";
import { Loaded } from "../../components/Loaded.tsx";
import { ScreenHead } from "../../components/ScreenHead.tsx";
import { Table } from "../../components/Table.tsx";
import { param, setParams } from "../../router.ts";
import { AuditFilters } from "./AuditFilters.tsx";
import { AuditRow } from "./AuditRow.tsx";
import { listAudit } from "./audit.ts";

const columns = ["When", "Action", "Target", "Details", "By"];

/** What operators did, at /audit. The URL has the filters and where the page begins. */
export default function AuditScreen() {
  const asked = createMemo(() => ({ action: param("action"), target: param("target"), cursor: param("cursor") }));
  const query = useQuery(() => ({
    queryKey: ["audit", asked()],
    queryFn: ({ signal }) => listAudit(asked(), signal, takeUnattended()),
    // Nothing moves until the next page is there.
    placeholderData: keepPreviousData,
  }));

  const link = (cursor: string) => {
    const { action, target } = asked();
    const params = Object.entries({ action, target, cursor }).filter(([, value]) => value !== "");
    return params.length === 0 ? "/audit" : `/audit?${new URLSearchParams(params)}`;
  };

  // A page is read from its top. The link that was followed may be gone.
  const shown = createMemo<string>((before) => (query.isPlaceholderData ? before : asked().cursor), asked().cursor);
  createEffect(
    on(
      shown,
      () => {
        scrollTo({ top: 0 });
        queueMicrotask(rescueFocus);
      },
      { defer: true },
    ),
  );

  return (
    <>
      <ScreenHead title="Audit" words="What operators did, the newest first." />
      <AuditFilters query={asked()} onChange={(change) => setParams({ ...change, cursor: null })} />
      <Loaded query={query}>
        {(page) => (
          <>
            <Show
              when={page().entries.length > 0}
              fallback={<p class="panel message">Nothing of this kind is on record.</p>}
            >
              <Table label="Audit" columns={columns}>
                <For each={page().entries}>{(entry) => <AuditRow entry={entry} />}</For>
              </Table>
            </Show>
            <nav class="table-foot" aria-label="Pages">
              <Show when={asked().cursor !== ""}>
                <a class="button" href={link("")}>
                  Newest
                </a>
              </Show>
              <Show when={page().next}>
                {(cursor) => (
                  <a class="button" href={link(cursor())}>
                    Older
                  </a>
                )}
              </Show>
            </nav>
          </>
        )}
      </Loaded>
    </>
  );
}
