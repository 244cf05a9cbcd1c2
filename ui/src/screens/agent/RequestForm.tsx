import { useMutation } from "@tanstack/solid-query";
import { createSignal, createUniqueId, For, Show } from "solid-js";
import type { Agent } from "../../agents/agent.ts";
import { CopyButton } from "../../components/CopyButton.tsx";
import { formatMs } from "../../components/duration.ts";
import { locale } from "../../components/format.ts";
import { indentJson, jsonProblem } from "../../jsonText.ts";
import { sendRequest } from "./agentApi.ts";
import { explainRequestError } from "./requestErrors.ts";
import "./RequestForm.css";

/** How long to wait for the answer, in ms; the manager allows up to a minute. */
const timeouts = [5_000, 15_000, 60_000];

/** Sends a request to the agent. Its data goes out as it is typed, and the answer is shown as the agent has written it. */
export function RequestForm(props: { agent: Agent }) {
  const id = createUniqueId();
  const [subject, setSubject] = createSignal("agent.info");
  const [data, setData] = createSignal("");
  const [timeoutMs, setTimeoutMs] = createSignal(timeouts[0] ?? 0);
  const [dataProblem, setDataProblem] = createSignal<string | null>(null);
  let dataField!: HTMLTextAreaElement;
  let answer!: HTMLPreElement;

  const sending = useMutation(() => ({
    mutationFn: () =>
      sendRequest(props.agent.id, {
        subject: subject().trim(),
        dataJson: data().trim() === "" ? null : data(),
        timeoutMs: timeoutMs(),
      }),
  }));
  const answerText = () => {
    const json = sending.data?.dataJson;
    return json === undefined || json === null ? null : indentJson(json);
  };

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (sending.isPending) return;
    setDataProblem(data().trim() === "" ? null : jsonProblem(data()));
    if (dataProblem() === null) sending.mutate();
    else dataField.focus();
  };

  return (
    <form class="request" onSubmit={submit}>
      <div class="field">
        <label for={`${id}-subject`}>Subject</label>
        <input
          id={`${id}-subject`}
          class="request-code"
          type="text"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          required
          maxlength={255}
          value={subject()}
          onInput={(event) => setSubject(event.currentTarget.value)}
        />
      </div>
      <div class="field">
        <label for={`${id}-data`}>
          Data <span class="muted">(JSON, optional)</span>
        </label>
        <textarea
          id={`${id}-data`}
          class="request-code"
          rows="3"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          ref={dataField}
          value={data()}
          aria-invalid={dataProblem() !== null}
          aria-describedby={`${id}-problem`}
          onInput={(event) => {
            setData(event.currentTarget.value);
            setDataProblem(null);
          }}
        />
        <p class="problem" id={`${id}-problem`} role="alert">
          {dataProblem() === null ? "" : `This is not JSON: ${dataProblem()}`}
        </p>
      </div>
      <div class="request-send">
        <div class="field">
          <label for={`${id}-timeout`}>Wait up to</label>
          <select
            id={`${id}-timeout`}
            value={timeoutMs()}
            onChange={(event) => setTimeoutMs(Number(event.currentTarget.value))}
          >
            <For each={timeouts}>{(ms) => <option value={ms}>{ms / 1_000} seconds</option>}</For>
          </select>
        </div>
        <button class="button primary" type="submit" aria-disabled={sending.isPending}>
          Send request
        </button>
      </div>
      <div class="request-result">
        <p role="status">
          <Show when={sending.isPending}>
            <span class="muted">Waiting for the answer…</span>
          </Show>
          <Show when={sending.data}>
            {(reply) => (
              <>
                {reply().dataJson === null ? "Answered, without data, in " : "Answered in "}
                <strong>
                  <bdi lang={locale}>{formatMs(reply().tookMs)}</bdi>
                </strong>
              </>
            )}
          </Show>
        </p>
        <p class="problem" role="alert">
          {sending.error === null ? "" : explainRequestError(sending.error)}
        </p>
        <Show when={answerText()}>
          {(text) => (
            <div class="request-answer">
              {/* Focusable, because the keyboard scrolls only what has the focus. */}
              <section aria-label="Answer" tabindex="0">
                <pre ref={answer}>{text()}</pre>
              </section>
              <CopyButton value={text()} onRefused={() => getSelection()?.selectAllChildren(answer)} />
            </div>
          )}
        </Show>
      </div>
    </form>
  );
}
