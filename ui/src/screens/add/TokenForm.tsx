import { useMutation } from "@tanstack/solid-query";
import { createSignal, For, onMount } from "solid-js";
import { LabelList } from "../../agents/LabelList.tsx";
import { labels, useLabelList } from "../../agents/labelList.ts";
import { DialogButtons } from "../../components/DialogButtons.tsx";
import type { MintedToken } from "./token.ts";
import { mintToken } from "./tokenApi.ts";
import "./TokenForm.css";

/** The manager's limits are a minute and 30 days. */
const lifetimes = [
  { words: "15 minutes", seconds: 900 },
  { words: "1 hour", seconds: 3_600 },
  { words: "1 day", seconds: 86_400 },
  { words: "7 days", seconds: 604_800 },
  { words: "30 days", seconds: 2_592_000 },
];
const usualSeconds = 3_600;

/** The manager's limit. */
const mostUses = 10_000;

/** Asks for what a new enrolment token should be. */
export function TokenForm(props: { onMinted: (token: MintedToken) => void; onClose: () => void }) {
  let name!: HTMLInputElement;
  let lifetime!: HTMLSelectElement;
  const [uses, setUses] = createSignal(1);
  const labelList = useLabelList(labels);

  const minting = useMutation(() => ({ mutationFn: mintToken, onSuccess: (minted) => props.onMinted(minted) }));

  onMount(() => name.focus());

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (minting.isPending || !labelList.addTyped()) return;
    minting.mutate({
      name: name.value.trim(),
      ttlSeconds: Number(lifetime.value),
      maxUses: uses(),
      labels: labelList.items(),
    });
  };

  return (
    <form onSubmit={submit}>
      <p class="muted">A host enrols with a token, and gets a credential of its own.</p>
      <div class="field">
        <label for="new-agent-name">
          Name{" "}
          <span class="muted">
            {uses() === 1
              ? "(optional; the host's own name otherwise)"
              : "(optional; the token's, for your own records)"}
          </span>
        </label>
        <input
          id="new-agent-name"
          ref={name}
          type="text"
          dir="auto"
          autocomplete="off"
          spellcheck={false}
          maxlength={64}
          placeholder="edge-7"
          aria-invalid={minting.isError}
          aria-describedby="new-agent-problem"
        />
      </div>
      <LabelList title="Labels" hint="optional; the host gets them" list={labelList} />
      <div class="token-form-limits">
        <div class="field">
          <label for="new-agent-lifetime">Valid for</label>
          <select id="new-agent-lifetime" ref={lifetime}>
            <For each={lifetimes}>
              {({ words, seconds }) => (
                <option value={seconds} selected={seconds === usualSeconds}>
                  {words}
                </option>
              )}
            </For>
          </select>
        </div>
        <div class="field">
          <label for="new-agent-uses">Number of hosts</label>
          <input
            id="new-agent-uses"
            type="number"
            min={1}
            max={mostUses}
            step={1}
            required
            value={uses()}
            onInput={(event) => setUses(event.currentTarget.valueAsNumber)}
          />
        </div>
      </div>
      <p class="problem" id="new-agent-problem" role="alert">
        {minting.error?.message}
      </p>
      <DialogButtons action="Create token" isBusy={minting.isPending} onCancel={props.onClose} />
    </form>
  );
}
