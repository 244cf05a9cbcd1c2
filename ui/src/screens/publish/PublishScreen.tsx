import { useQuery, useQueryClient } from "@tanstack/solid-query";
import { createSignal, For, Show } from "solid-js";
import { labelFilters, useLabelList } from "../../agents/labelList.ts";
import { ScreenHead } from "../../components/ScreenHead.tsx";
import { Table } from "../../components/Table.tsx";
import { PublicationRow } from "./PublicationRow.tsx";
import { type Draft, PublishForm } from "./PublishForm.tsx";
import type { Publication } from "./publication.ts";
import { Watch } from "./Watch.tsx";
import "./PublishScreen.css";

const columns = ["Sent", "Subject", "Data", "Delivered"];

/** So many publications are listed. */
const mostRecent = 20;

/** They are kept while the page is loaded, whatever screen is shown, and go with the session. */
const recentKey = ["publications"];

/** Sends a message to all agents that subscribe to its subject, at /publish. */
export default function PublishScreen() {
  const client = useQueryClient();
  const [draft, setDraft] = createSignal<Draft>({ subject: "", data: "" });
  const labels = useLabelList(labelFilters);
  const recent = useQuery(() => ({
    queryKey: recentKey,
    queryFn: () => client.getQueryData<Publication[]>(recentKey) ?? [],
    initialData: [],
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
  }));
  const remember = (publication: Publication) =>
    client.setQueryData<Publication[]>(recentKey, (before = []) => [publication, ...before].slice(0, mostRecent));

  let form!: HTMLDivElement;
  const useAgain = ({ subject, data, labels: filters }: Publication) => {
    setDraft({ subject, data });
    labels.set(filters);
    form.querySelector("input")?.focus();
  };

  return (
    <>
      <ScreenHead
        title="Publish"
        words="A message goes to every agent that subscribes to its subject. Agents that are offline do not get it later."
      />
      <div ref={form}>
        <PublishForm draft={draft()} labels={labels} onDraft={setDraft} onPublished={remember} />
      </div>
      <Watch />
      <Show when={recent.data.length > 0}>
        <section class="publications" aria-labelledby="publications-title">
          <h2 id="publications-title">Sent from this page</h2>
          <Table label="Sent from this page" columns={columns} actions>
            <For each={recent.data}>
              {(publication) => <PublicationRow publication={publication} onAgain={() => useAgain(publication)} />}
            </For>
          </Table>
        </section>
      </Show>
    </>
  );
}
