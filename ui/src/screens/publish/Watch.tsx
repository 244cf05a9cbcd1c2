import { createSignal, For, Show } from "solid-js";
import { useManagerClock } from "../../clock.ts";
import { Cell } from "../../components/Cell.tsx";
import { RelativeTime } from "../../components/RelativeTime.tsx";
import { Table } from "../../components/Table.tsx";
import { memberText, partsOf } from "../../jsonText.ts";
import type { Message } from "../../live/message.ts";
import { useLiveView } from "../../useLive.ts";

const columns = ["Heard", "Subject", "Data"];

/** So many messages are listed. */
const mostHeard = 50;

interface Heard {
  readonly subject: string;
  readonly data: string;
  /** Unix milliseconds on the manager's clock. */
  readonly at: number;
}

/** What anybody publishes on `fleet.>`, if the operator wants to see it. */
export function Watch() {
  const [on, setOn] = createSignal(false);
  return (
    <section class="publications" aria-labelledby="watch-title">
      <h2 id="watch-title">Live</h2>
      <label class="watch-choice">
        <input type="checkbox" checked={on()} onChange={(event) => setOn(event.currentTarget.checked)} />
        <span>
          Show what anybody publishes on <code>{"fleet.>"}</code>
        </span>
      </label>
      <Show when={on()}>
        <Messages />
      </Show>
    </section>
  );
}

/** The payload as it was sent; empty if there is none. */
function dataText({ frame, place }: Message): string {
  const inFrame = memberText(frame, "data") ?? "";
  return place === null ? inFrame : (memberText(partsOf(inFrame)[place] ?? "", "data") ?? "");
}

function Messages() {
  const live = useLiveView();
  const now = useManagerClock();
  const [heard, setHeard] = createSignal<readonly Heard[]>([]);
  live.watch((published) => {
    const { subject, timestamp } = published;
    const message = { subject, data: dataText(published), at: timestamp ?? now() };
    setHeard((before) => [message, ...before].slice(0, mostHeard));
  });
  return (
    <Show when={heard().length > 0} fallback={<p class="muted">Nothing has been published since.</p>}>
      <Table label="Live" columns={columns}>
        <For each={heard()}>
          {(message) => (
            <tr>
              <Cell label="Heard">
                <RelativeTime time={message.at} />
              </Cell>
              <Cell label="Subject">
                <bdi class="publication-subject">{message.subject}</bdi>
              </Cell>
              <Cell label="Data">
                <pre class="publication-data" dir="auto">
                  {message.data}
                </pre>
              </Cell>
            </tr>
          )}
        </For>
      </Table>
    </Show>
  );
}
