/** Starts an agent for this manager. It reads the token from its input: on the command line it would stay in the shell's history. */
export function agentCommand(): string {
  return `zedops-agent --manager=${location.origin} --token-file=-`;
}
