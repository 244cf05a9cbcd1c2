/**
 * The command that starts an agent for this manager. The agent asks for the token: an argument would stay in the
 * shell's history.
 */
export function agentCommand(): string {
  return `zedops-agent --manager=${location.origin} --token-file=-`;
}

/** Whether this page was opened at a loopback address. Then the command above works on this machine only. */
export function isLoopback(): boolean {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname);
}
