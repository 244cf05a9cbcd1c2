// The ZedOps agent connects this host to a manager and keeps it connected.
package main

import (
	"os"

	"github.com/zedops/zedops/agent/internal/cli"
)

// version is set by the linker: -X main.version=1.2.3
var version = "dev"

func main() { os.Exit(cli.Main(version)) }
