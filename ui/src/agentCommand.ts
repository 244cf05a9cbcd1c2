/** Starts an agent for this manager. It reads the token from its input: on the command line it would stay in the shell's history. */
export function agentCommand(): string {
  return `zedops-agent --manager=${location.origin} --token-file=-`;
}

/** Whether this page was opened at an address that leads every host to itself, so that the command above does only here. */
export function isLoopback(): boolean {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname);
}
