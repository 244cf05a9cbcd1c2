package cli

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
)

// threads is how many threads may run Go code at once. The agent never needs a whole core, and each further one costs memory,
// and CPU time whenever the agent wakes: an idle agent uses a third less with 1 than with 2.
const threads = 1

// threadsVariable bounds the threads of a Go program from its start. An operator may set it.
const threadsVariable = "GOMAXPROCS"

// manyCores is from where on it pays to start the program again. That takes a millisecond or two.
const manyCores = 16

// boundThreads makes the Go runtime use few threads. Before main, the runtime prepares one for each core, and never gives that
// memory back: 20 kB each, or 4 MB with 192 cores. So on a host with many cores the program starts itself again, as the
// same process, with the bound in its environment. If that fails, the agent works and is larger.
func boundThreads() {
	if os.Getenv(threadsVariable) != "" {
		return
	}
	if runtime.GOMAXPROCS(threads) < manyCores {
		return
	}
	program, err := os.Executable()
	if err != nil {
		return
	}
	// Setenv also replaces a variable that is there and empty. Of two with one name the runtime would take the first.
	os.Setenv(threadsVariable, strconv.Itoa(threads))
	_ = syscall.Exec(program, os.Args, os.Environ())
}
