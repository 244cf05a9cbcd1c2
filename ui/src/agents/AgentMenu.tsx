import { Menu } from "../components/Menu.tsx";
import type { MenuItem } from "../components/MenuList.tsx";
import { go, withParams } from "../router.ts";
import { type Agent, isOnline, isRevoked } from "./agent.ts";
import { useAgentDialogs } from "./agentDialogs.tsx";
import { agentPath, readableName } from "./name.ts";

/** What can be done with one agent of a list. */
export function AgentMenu(props: { agent: Agent; onOpen?: (open: boolean) => void }) {
  const dialogs = useAgentDialogs();

  const items = (): MenuItem[] => {
    const { agent } = props;
    const { clone } = agent;
    return [
      { words: "Details", act: () => go(withParams(agentPath(agent.id))) },
      { words: "Rename…", act: () => dialogs.rename(agent) },
      { words: "Labels…", act: () => dialogs.label(agent) },
      ...(isOnline(agent) ? [{ words: "Rotate token…", act: () => dialogs.rotate(agent) }] : []),
      ...(clone !== null
        ? [{ words: "Give the copy its own identity…", act: () => dialogs.separate(agent, clone) }]
        : []),
      ...(isRevoked(agent) ? [] : [{ words: "Revoke…", danger: true, act: () => dialogs.revoke(agent) }]),
      { words: "Remove…", danger: true, act: () => dialogs.remove(agent) },
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
