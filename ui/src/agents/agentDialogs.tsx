import { lazy } from "solid-js";
import { useDialogs } from "../components/dialogs.tsx";
import type { Agent } from "./agent.ts";
import type { Clone } from "./clone.ts";

const LabelsDialog = lazy(() => import("./LabelsDialog.tsx"));
const RemoveAgent = lazy(() => import("./RemoveAgent.tsx"));
const RenameAgent = lazy(() => import("./RenameAgent.tsx"));
const RevokeAgent = lazy(() => import("./RevokeAgent.tsx"));
const RotateToken = lazy(() => import("./RotateToken.tsx"));
const SeparateClone = lazy(() => import("./SeparateClone.tsx"));

/** Opens the dialogs of what can be done with one agent. They show it as it was then, except for its labels. */
export function useAgentDialogs() {
  const open = useDialogs();
  return {
    rename: (agent: Agent) => open((close) => <RenameAgent agent={agent} onClose={close} />),
    label: (agent: Agent) => open((close) => <LabelsDialog agent={agent} onClose={close} />),
    rotate: (agent: Agent) => open((close) => <RotateToken agent={agent} onClose={close} />),
    separate: (agent: Agent, clone: Clone) =>
      open((close) => <SeparateClone agent={agent} clone={clone} onClose={close} />),
    revoke: (agent: Agent) => open((close) => <RevokeAgent agent={agent} onClose={close} />),
    remove: (agent: Agent, onRemoved?: () => void) =>
      open((close) => <RemoveAgent agent={agent} onRemoved={onRemoved} onClose={close} />),
  };
}
