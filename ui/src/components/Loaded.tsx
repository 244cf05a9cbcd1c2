import type { UseQueryResult } from "@tanstack/solid-query";
import { type Accessor, createMemo, type JSX, Show } from "solid-js";
import "./Loaded.css";

interface LoadedProps<T> {
  query: UseQueryResult<T>;
  children: (data: Accessor<NonNullable<T>>) => JSX.Element;
}

/** What a query has read; until then that it is loading, or why it failed. */
export function Loaded<T>(props: LoadedProps<T>) {
  // A query that is pending must not be asked for its data: it would hide the whole screen until it has some.
  const data = createMemo(() => (props.query.isPending ? undefined : (props.query.data ?? undefined)));
  return (
    <>
      <Show when={props.query.error}>
        {(error) => (
          <section class="panel message" role="alert">
            <p class="problem">{error().message}</p>
            <button class="button" type="button" onClick={() => void props.query.refetch()}>
              Try again
            </button>
          </section>
        )}
      </Show>
      <Show
        when={data()}
        fallback={
          <Show when={props.query.isPending}>
            <p class="panel loaded-wait muted">Loading…</p>
          </Show>
        }
      >
        {props.children}
      </Show>
    </>
  );
}
