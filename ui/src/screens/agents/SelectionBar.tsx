import { lazy } from "solid-js";
import { useDialogs } from "../../components/dialogs.tsx";
import { rescueFocus } from "../../components/focus.ts";
import { formatCount } from "../../components/format.ts";
import type { Selection } from "./selection.ts";
import "./SelectionBar.css";

const BulkDialog = lazy(() => import("./BulkDialog.tsx"));
const BulkLabels = lazy(() => import("./BulkLabels.tsx"));

/** What can be done with the selected agents together. It lies over the foot of the page, so that no row moves. */
export default function SelectionBar(props: { selection: Selection }) {
  const open = useDialogs();
  const count = () => props.selection.ids().size;
  const ask = (action: "revoke" | "remove") =>
    open((close) => <BulkDialog action={action} selection={props.selection} onClose={close} />);
  const label = () => open((close) => <BulkLabels selection={props.selection} onClose={close} />);
  const clear = () => {
    props.selection.set([]);
    rescueFocus();
  };

  return (
    <section class="selection-bar" aria-label="Selected agents">
      <p class="selection-bar-count" role="status">
        {formatCount(count())} selected
      </p>
      <button class="button selection-bar-action" type="button" onClick={label}>
        Labels…
      </button>
      <button class="button selection-bar-action" type="button" onClick={() => ask("revoke")}>
        Revoke…
      </button>
      <button class="button selection-bar-action" type="button" onClick={() => ask("remove")}>
        Remove…
      </button>
      <button class="button quiet" type="button" onClick={clear}>
        Clear selection
      </button>
    </section>
  );
}
