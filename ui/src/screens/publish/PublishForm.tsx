import { useMutation } from "@tanstack/solid-query";
import { createSignal, createUniqueId } from "solid-js";
import { LabelList } from "../../agents/LabelList.tsx";
import type { LabelListState } from "../../agents/labelList.ts";
import { useManagerClock } from "../../clock.ts";
import { formatCount } from "../../components/format.ts";
import { explainFailure, jsonProblem, type Publication, publish } from "./publication.ts";
import "./PublishForm.css";

/** What the form has, whoever has written it. */
export interface Draft {
  readonly subject: string;
  readonly data: string;
}

type Sent = Draft & Pick<Publication, "labels">;

interface PublishFormProps {
  draft: Draft;
  /** The label filters that choose the agents. */
  labels: LabelListState;
  onDraft: (draft: Draft) => void;
  onPublished: (publication: Publication) => void;
}

export function PublishForm(props: PublishFormProps) {
  const [subjectId, dataId, dataProblemId] = [createUniqueId(), createUniqueId(), createUniqueId()];
  let data!: HTMLTextAreaElement;
  const now = useManagerClock();
  const [dataProblem, setDataProblem] = createSignal("");

  const sending = useMutation(() => ({
    mutationFn: ({ subject, data, labels }: Sent) => publish(subject, data, labels),
    onSuccess: (counts, sent) => props.onPublished({ ...sent, ...counts, at: now() }),
  }));
  const change = (draft: Partial<Draft>) => {
    // The outcome is that of the last message.
    sending.reset();
    props.onDraft({ ...props.draft, ...draft });
  };

  const submit = (event: Event) => {
    event.preventDefault();
    if (sending.isPending) return;
    const problem = jsonProblem(props.draft.data) ?? "";
    setDataProblem(problem);
    if (problem !== "") data.focus();
    else if (props.labels.addTyped()) {
      const { subject, data } = props.draft;
      sending.mutate({ subject: subject.trim(), data, labels: props.labels.items() });
    }
  };
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLTextAreaElement }) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.currentTarget.form?.requestSubmit();
  };

  const outcome = () => {
    const sent = sending.data;
    if (sent === undefined) return "";
    const { delivered, dropped } = sent;
    const late = dropped === 0 ? "" : `; ${formatCount(dropped)} were too far behind to get it`;
    return `Delivered to ${formatCount(delivered)} ${delivered === 1 ? "subscriber" : "subscribers"}${late}.`;
  };

  return (
    <form class="panel publish-form" aria-label="Message" onSubmit={submit}>
      <div class="field">
        <label for={subjectId}>Subject</label>
        <input
          id={subjectId}
          type="text"
          required
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          placeholder="fleet.announce"
          value={props.draft.subject}
          onInput={(event) => change({ subject: event.currentTarget.value })}
        />
      </div>
      <LabelList
        title="Only agents with the labels"
        hint="optional; all that are listed, key=value or a key"
        list={props.labels}
      />
      <div class="field">
        <label for={dataId}>
          Data <span class="muted">(JSON, sent as typed; optional)</span>
        </label>
        <textarea
          id={dataId}
          ref={data}
          rows={5}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          placeholder={'{"text": "maintenance at 22:00"}'}
          aria-invalid={dataProblem() !== ""}
          aria-describedby={dataProblemId}
          value={props.draft.data}
          onInput={(event) => {
            setDataProblem("");
            change({ data: event.currentTarget.value });
          }}
          onKeyDown={onKeyDown}
        />
        <p class="problem" id={dataProblemId} role="alert">
          {dataProblem()}
        </p>
      </div>
      <div class="publish-send">
        <button class="button primary" type="submit" aria-keyshortcuts="Control+Enter">
          Publish
        </button>
        <p class="success" role="status">
          {outcome()}
        </p>
        <p class="problem" role="alert">
          {sending.error === null ? "" : explainFailure(sending.error)}
        </p>
      </div>
    </form>
  );
}
