import { createContext, useContext } from "solid-js";

export const LeaveContext = createContext<() => void>();

/** Shows the log-in and forgets what the page shows. It does not end the session. */
export function useLeave(): () => void {
  const leave = useContext(LeaveContext);
  if (leave === undefined) throw new Error("there is no LeaveContext here");
  return leave;
}
