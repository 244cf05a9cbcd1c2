import { createEffect, createMemo, createSignal, createUniqueId, For, on } from "solid-js";
import { readableName } from "../../agents/name.ts";
import { useLiveView } from "../../useLive.ts";
import { type AuditQuery, actions, describeAction } from "./audit.ts";
import { findTarget, suggestAgents } from "./targets.ts";
import "./AuditFilters.css";

interface AuditFiltersProps {
  query: AuditQuery;
  onChange: (change: { action?: string; target?: string }) => void;
}

/** Which actions, and on which agent. */
export function AuditFilters(props: AuditFiltersProps) {
  const live = useLiveView();
  const [words, setWords] = createSignal("");
  const [problem, setProblem] = createSignal("");
  const [listId, problemId] = [createUniqueId(), createUniqueId()];

  const targetName = () => {
    const agent = live.agent(props.query.target);
    return agent === undefined ? props.query.target : readableName(agent);
  };
  // `back` and links change the URL, and the list of agents may be read after it.
  createEffect(
    on(targetName, (name) => {
      setWords(name);
      setProblem("");
    }),
  );
  const suggestions = createMemo(() => {
    live.changed();
    return suggestAgents(live.roster, words());
  });
  const isKnown = (action: string) => actions.some((group) => group.words[action] !== undefined);

  const choose = () => {
    const found = findTarget(live.roster, words());
    if ("problem" in found) setProblem(found.problem);
    else {
      setProblem("");
      props.onChange({ target: found.id });
    }
  };

  return (
    <search aria-label="Audit">
      <form
        class="audit-filters"
        onSubmit={(event) => {
          event.preventDefault();
          choose();
        }}
      >
        <select
          class="filter"
          aria-label="Action"
          onChange={(event) => props.onChange({ action: event.currentTarget.value })}
        >
          <option value="" selected={props.query.action === ""}>
            All actions
          </option>
          {props.query.action !== "" && !isKnown(props.query.action) ? (
            <option value={props.query.action} selected>
              {describeAction(props.query.action)}
            </option>
          ) : null}
          <For each={actions}>
            {(group) => (
              <optgroup label={group.group}>
                <For each={Object.entries(group.words)}>
                  {([action, name]) => (
                    <option value={action} selected={props.query.action === action}>
                      {name}
                    </option>
                  )}
                </For>
              </optgroup>
            )}
          </For>
        </select>
        <input
          class="filter"
          type="search"
          aria-label="Agent or id"
          aria-invalid={problem() !== ""}
          aria-describedby={problemId}
          placeholder="All agents: name or id"
          autocomplete="off"
          spellcheck={false}
          list={listId}
          value={words()}
          onInput={(event) => setWords(event.currentTarget.value)}
          onChange={choose}
        />
        <datalist id={listId}>
          <For each={suggestions()}>{(agent) => <option value={agent.typed}>{agent.id}</option>}</For>
        </datalist>
        <p class="problem" id={problemId} role="alert">
          {problem()}
        </p>
      </form>
    </search>
  );
}
