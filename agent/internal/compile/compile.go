// Package compile compiles programs of the agent's module as `make agent` does. The benchmark and the test of the agent's
// size share it.
package compile

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// The programs that are compared, as paths in the module.
const (
	Agent = "."
	Bare  = "./cmd/bare"
)

// Flags are those of `make agent`, with another version.
var Flags = append(strings.Fields(MakeFlags), "-ldflags", "-s -w -X main.version=1.2.3")

// MakeFlags is AGENT_FLAGS of the Makefile.
const MakeFlags = `-buildvcs=false -trimpath -tags nethttpomithttp2 -gcflags=crypto/tls=-l -gcflags=encoding/json=-l -gcflags=flag=-l -gcflags=log/slog=-l -gcflags=./internal/cli=-l -gcflags=./internal/control=-l -gcflags=./internal/doctor=-l -gcflags=./internal/identity=-l -gcflags=./internal/link=-l -gcflags=./internal/protocol=-l`

// Program compiles a program of the module in a folder for linux/amd64 and returns the length of the file in bytes. more are
// flags in addition to those of `make agent`.
func Program(module, program, file string, more ...string) (int64, error) {
	arguments := append([]string{"build"}, Flags...)
	arguments = append(append(arguments, more...), "-o", file, program)
	command := exec.Command("go", arguments...)
	command.Dir = module
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if output, err := command.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("compile %s: %w: %s", program, err, output)
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
