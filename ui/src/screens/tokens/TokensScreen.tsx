import { useQuery } from "@tanstack/solid-query";
import { createMemo, For, lazy, Show } from "solid-js";
import { takeUnattended } from "../../attendance.ts";
import { useManagerClock } from "../../clock.ts";
import { useDialogs } from "../../components/dialogs.tsx";
import { Loaded } from "../../components/Loaded.tsx";
import { ScreenHead } from "../../components/ScreenHead.tsx";
import { Table } from "../../components/Table.tsx";
import { param, setParams } from "../../router.ts";
import { useLiveView } from "../../useLive.ts";
import { TokenRow } from "./TokenRow.tsx";
import { listTokens, statusAt, type Token } from "./token.ts";
import "./TokensScreen.css";

const AddAgent = lazy(() => import("../add/AddAgent.tsx"));

const columns = ["Name", "Status", "Uses", "Validity", "Created", "Hosts"];

/** The enrolment tokens, at /tokens; one of them at /tokens?token=<id>. */
export default function TokensScreen() {
  const live = useLiveView();
  const open = useDialogs();
  const now = useManagerClock();
  const query = useQuery(() => ({
    queryKey: ["tokens"],
    queryFn: ({ signal }) => listTokens(signal, takeUnattended()),
    reconcile: "id",
  }));
  const reload = () => query.refetch();

  // Who enrols uses a token.
  live.subscribe((changes) => {
    if (live.state.loaded && changes.some(({ before }) => before === undefined)) void reload();
  });

  const onlyActive = () => param("show") === "active";
  const chosen = () => param("token");
  const add = () =>
    open((close) => (
      <AddAgent
        onClose={() => {
          close();
          void reload();
        }}
      />
    ));

  return (
    <>
      <ScreenHead
        title="Enrolment tokens"
        words="A host enrols with one. The secret is shown once, when it is created."
      >
        <Show when={chosen() === ""}>
          <label class="tokens-active">
            <input
              type="checkbox"
              checked={onlyActive()}
              onChange={(event) => setParams({ show: event.currentTarget.checked ? "active" : null })}
            />
            Only active
          </label>
        </Show>
        <button class="button primary" type="button" onClick={add}>
          Add agent
        </button>
      </ScreenHead>
      <Loaded query={query}>
        {(tokens) => {
          const shows = (token: Token) => {
            if (chosen() !== "") return token.id === chosen();
            return !onlyActive() || statusAt(token, now()) === "active";
          };
          const shown = createMemo(() => tokens().filter(shows));
          return (
            <>
              <Show
                when={shown().length > 0}
                fallback={
                  <p class="panel message">
                    {chosen() !== ""
                      ? "This token is not among the latest 500."
                      : onlyActive()
                        ? "No token is active."
                        : "No token yet. Add an agent to create one."}
                  </p>
                }
              >
                <Table label="Enrolment tokens" columns={columns} actions>
                  <For each={shown()}>{(token) => <TokenRow token={token} reload={reload} />}</For>
                </Table>
              </Show>
              <Show when={chosen() !== ""}>
                <p class="table-foot">
                  <a class="button" href="/tokens">
                    Show all tokens
                  </a>
                </p>
              </Show>
            </>
          );
        }}
      </Loaded>
    </>
  );
}
