package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/zedops/zedops/agent/internal/control"
)

// networkVariables say how a program reaches others and whom it trusts.
var networkVariables = []string{
	"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy",
	caFileVariable, "SSL_CERT_FILE", "SSL_CERT_DIR",
}

// adoptEnvironment takes the network variables of the agent that runs with a state directory, unless this process has some
// of its own: a service has another environment than the shell of whoever asks about it. It reports whether it did. Linux
// shows the environment of a process to root and to its own user.
func adoptEnvironment(stateDir string) (adopted bool) {
	if slices.ContainsFunc(networkVariables, func(name string) bool { return os.Getenv(name) != "" }) {
		return false
	}
	text, err := control.Ask(stateDir)
	if err != nil {
		return false
	}
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", readReport(text).PID))
	if err != nil {
		return false
	}
	for _, variable := range strings.Split(string(environment), "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		if slices.Contains(networkVariables, name) {
			os.Setenv(name, value)
		}
	}
	return true
}
