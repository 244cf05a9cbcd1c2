package cli

import (
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
)

func versionCommand() command {
	return command{
		name:    "version",
		summary: "print the version",
		help: `Usage: zedops-agent version [--json]

Prints the version of this binary. The manager's dashboard shows the same one.

Flags:
  --json   one line of JSON: version, goVersion, os and arch
`,
		prepare: func(flags *flag.FlagSet, p process) func() error {
			asJSON := flags.Bool("json", false, "")
			return func() error {
				if !*asJSON {
					_, err := fmt.Fprintln(p.stdout, p.version)
					return err
				}
				return json.NewEncoder(p.stdout).Encode(struct {
					Version   string `json:"version"`
					GoVersion string `json:"goVersion"`
					OS        string `json:"os"`
					Arch      string `json:"arch"`
				}{p.version, runtime.Version(), runtime.GOOS, runtime.GOARCH})
			}
		},
	}
}
