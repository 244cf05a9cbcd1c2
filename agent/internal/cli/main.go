// Package cli is the command line of the agent: a table of commands, their flags and help, the choice of the credential, and
// exit codes.
package cli

import (
	"os"
	"runtime/debug"
)

// memoryGoal is what the Go runtime tries to stay under, in bytes. The largest frames that the agent takes need half of it.
// The pages of the binary come on top: the process stays under 32 MB.
const memoryGoal = 18 << 20

// Main runs the command of the process and returns its exit code.
func Main(version string) int {
	boundThreads()
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
	p := process{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, version: version}
	c, err := execute(os.Args[1:], p)
	return exit(err, c, p.stderr)
}
