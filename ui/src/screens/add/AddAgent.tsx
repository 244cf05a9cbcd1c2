import { createSignal, Show } from "solid-js";
import { Dialog } from "../../components/Dialog.tsx";
import { TokenForm } from "./TokenForm.tsx";
import { TokenWait } from "./TokenWait.tsx";
import type { MintedToken } from "./token.ts";

/** Makes an enrolment token, shows the steps, and waits for the hosts that enrol with it. */
export default function AddAgent(props: { onClose: () => void }) {
  const [minted, setMinted] = createSignal<MintedToken>();
  return (
    <Dialog title="Add agent" onClose={props.onClose}>
      <Show when={minted()} keyed fallback={<TokenForm onMinted={setMinted} onClose={props.onClose} />}>
        {(token) => <TokenWait token={token} onAnother={() => setMinted(undefined)} onClose={props.onClose} />}
      </Show>
    </Dialog>
  );
}
