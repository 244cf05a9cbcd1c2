import { lazy } from "solid-js";
import { useDialogs } from "../components/dialogs.tsx";
import { Menu, type MenuItem } from "../components/Menu.tsx";
import { useLiveView } from "../useLive.ts";
import { type Agent, isOnline, isRevoked } from "./agent.ts";
import { readableName } from "./name.ts";

const AgentHistory = lazy(() => import("./AgentHistory.tsx"));
const LabelsDialog = lazy(() => import("./LabelsDialog.tsx"));
const RemoveAgent = lazy(() => import("./RemoveAgent.tsx"));
const RenameAgent = lazy(() => import("./RenameAgent.tsx"));
const RevokeAgent = lazy(() => import("./RevokeAgent.tsx"));
const RotateToken = lazy(() => import("./RotateToken.tsx"));
const SeparateClone = lazy(() => import("./SeparateClone.tsx"));

/** What can be done with one agent. The history shows the agent as it changes; the other dialogs get a copy. */
export function AgentMenu(props: { agent: Agent; onOpen?: (open: boolean) => void }) {
  const open = useDialogs();
  const live = useLiveView();

  const items = (): MenuItem[] => {
    const agent = { ...props.agent };
    const { clone } = agent;
    return [
      {
        words: "History",
        act: () => open((close) => <AgentHistory agent={live.agent(agent.id) ?? agent} onClose={close} />),
      },
      { words: "Rename…", act: () => open((close) => <RenameAgent agent={agent} onClose={close} />) },
      { words: "Labels…", act: () => open((close) => <LabelsDialog agent={agent} onClose={close} />) },
      ...(isOnline(agent)
        ? [{ words: "Rotate token…", act: () => open((close) => <RotateToken agent={agent} onClose={close} />) }]
        : []),
      ...(clone !== null
        ? [
            {
              words: "Give the copy its own identity…",
              act: () => open((close) => <SeparateClone agent={agent} clone={clone} onClose={close} />),
            },
          ]
        : []),
      ...(isRevoked(agent)
        ? []
        : [
            {
              words: "Revoke…",
              danger: true,
              act: () => open((close) => <RevokeAgent agent={agent} onClose={close} />),
            },
          ]),
      { words: "Remove…", danger: true, act: () => open((close) => <RemoveAgent agent={agent} onClose={close} />) },
    ];
  };

  return (
    <Menu
      label={`Actions for ${readableName(props.agent)}`}
      items={items}
      {...(props.onOpen !== undefined && { onOpen: props.onOpen })}
    />
  );
}
