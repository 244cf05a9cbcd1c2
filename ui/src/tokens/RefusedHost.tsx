import { Show } from "solid-js";
import type { Refusal } from "./refusal.ts";

/** Which host was refused, as well as the manager knows it. */
export function RefusedHost(props: { refusal: Refusal }) {
  return (
    <Show when={props.refusal.hostname} fallback={<bdi>{props.refusal.address ?? "unknown address"}</bdi>}>
      {(hostname) => (
        <>
          <bdi>{hostname()}</bdi>
          <Show when={props.refusal.address}>{(address) => <> · {address()}</>}</Show>
        </>
      )}
    </Show>
  );
}
