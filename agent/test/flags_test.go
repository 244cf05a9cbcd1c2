package test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/zedops/zedops/agent/internal/managertest"
)

func TestUsageErrorsExit64(t *testing.T) {
	const stored = "http://manager.invalid:1"
	for name, c := range map[string]struct {
		options
		says string
	}{
		"unknown flag":            {options{args: []string{"--frobnicate"}}, "frobnicate"},
		"argument without a flag": {options{args: []string{managertest.EnrolmentToken}}, "neither a flag nor a command"},
		"empty token on stdin":    {options{args: []string{"--token-file", "-"}}, "empty"},
		"missing token file":      {options{args: []string{"--token-file", "/nonexistent/token"}}, "no such file"},
		"two tokens":              {options{args: []string{"--token", "a", "--token-file", "b"}}, "exclude each other"},
		"a token with a space":    {options{args: []string{"--token", "a.b. c"}}, "copied whole"},
		"a token of two parts":    {options{args: []string{"--token-file=-"}, stdin: "enrolment.token\n"}, "that is not an enrolment token"},
		"a token that is a word":  {options{env: []string{"ZEDOPS_TOKEN=hello"}}, "that is not an enrolment token"},
		"a token without an end":  {options{args: []string{"--token-file", "/dev/zero"}}, "that is not an enrolment token"},
		"bad log format":          {options{args: []string{"--log-format", "xml"}}, "--log-format"},
		"negative retries":        {options{args: []string{"--max-retries", "-1"}}, "--max-retries"},
		"name too long":           {options{args: []string{"--name", strings.Repeat("x", 65)}}, "--name"},
		"name with a newline":     {options{args: []string{"--name", "a\nb"}}, "--name"},
		"name that is invisible":  {options{args: []string{"--name", "\u200B"}}, "--name must not contain invisible characters"},
		"a label of one space":    {options{args: []string{"--label", " "}}, `" " for flag -label`},
		"a label without a key":   {options{args: []string{"--label", "=prod"}}, "the key must have"},
		"a label in two lines":    {options{args: []string{"--label", "note=a\nb"}}, "the value must not contain control characters"},
		"two labels of one key":   {options{args: []string{"--label", "env=a", "--label", "env=b"}}, "the same key"},
		"too many labels":         {options{args: manyLabels(17)}, "at most 16"},
		"manager behind no zone":  {options{args: []string{"--manager", "http://[fe80::1%eth0]:8787"}}, "cannot be parsed"},
		"a proxy that is no URL":  {options{args: []string{"--manager", "https://manager.invalid"}, env: []string{"HTTPS_PROXY=http://%zz", "ZEDOPS_TOKEN=" + managertest.EnrolmentToken}}, "HTTPS_PROXY cannot be used"},
		"a proxy for all, of IRC": {options{args: []string{"--manager", "http://manager.invalid"}, env: []string{"ALL_PROXY=irc://x", "ZEDOPS_TOKEN=" + managertest.EnrolmentToken}}, "ALL_PROXY cannot be used"},
		"manager without scheme":  {options{args: []string{"--manager", "127.0.0.1:8957"}}, "must begin with http:// or https://"},
		"manager with a path":     {options{args: []string{"--manager", "http://example.com/foo"}}, "has no path"},
		"manager with a password": {options{args: []string{"--manager", "http://u:" + managertest.PermanentToken + "@example.com"}}, "credentials"},
		"not a pattern":           {options{args: []string{"--subscribe", "fleet.>", "--subscribe", "fleet.a*"}}, `"fleet.a*"`},
		"a pattern of others":     {options{args: []string{"--subscribe", "agents.k3v.>"}}, `"agents.k3v.>"`},
		"too many patterns":       {options{args: slices.Repeat([]string{"--subscribe", "fleet.>"}, 33)}, "more than 32"},
		"another manager":         {options{args: []string{"--manager", "http://127.0.0.1:2", "--state-dir", enrolled(t, stored)}}, "enrolled with " + stored},
	} {
		t.Run(name, func(t *testing.T) {
			start(t, c.options).wantExit(t, 64, c.says, "--help")
		})
	}
}

// manyLabels are the flags for as many labels.
func manyLabels(count int) (args []string) {
	for i := range count {
		args = append(args, "--label", fmt.Sprintf("k%d=v", i))
	}
	return args
}

func TestAHostThatIsNotEnrolledExits78(t *testing.T) {
	start(t, options{}).wantExit(t, 78, "not enrolled", "no enrolment token", "--token-file")
}

func TestHelp(t *testing.T) {
	for command, texts := range map[string][]string{
		"--help":       {"enroll", "status", "reset", "version", "help COMMAND"},
		"help":         {"enroll", "status", "reset", "version", "help COMMAND"},
		"help run":     {"--token-file", "--max-retries", "ZEDOPS_TOKEN", "75", "77", "78", "~/.zedops-agent", "--subscribe", "agents.self.", "--label"},
		"run --help":   {"--token-file"},
		"help version": {"--json"},
		"help enroll":  {"--wait", "75", "77", "78"},
		"help status":  {"--json", "--wait", "69", "75"},
		"help reset":   {"--yes"},
	} {
		a := start(t, options{args: strings.Fields(command)})
		a.wantExit(t, 0)
		for _, text := range texts {
			if !strings.Contains(a.stdout.String(), text) {
				t.Errorf("%s does not mention %s", command, text)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	for _, command := range []string{"--version", "version"} {
		a := start(t, options{args: []string{command}})
		a.wantExit(t, 0)
		if a.stdout.String() != "1.2.3-test\n" {
			t.Errorf("version %q", a.stdout)
		}
	}
	a := start(t, options{args: []string{"version", "--json"}})
	a.wantExit(t, 0)
	var got map[string]string
	if err := json.Unmarshal([]byte(a.stdout.String()), &got); err != nil || got["version"] != "1.2.3-test" || got["os"] != runtime.GOOS || got["arch"] != runtime.GOARCH || got["goVersion"] == "" {
		t.Errorf("it says %q, %v", a.stdout, err)
	}
}

func TestWarnsOfATokenInTheClear(t *testing.T) {
	// Nobody listens on the discard port of this address, so the dial fails or hangs. The warning comes before the dial.
	a := start(t, options{args: []string{"--manager", "http://0.0.0.0:9", "--max-retries", "1", "--token-file=-"}, stdin: managertest.EnrolmentToken})
	a.wantExit(t, 75, "unencrypted")
}

func TestJSONLog(t *testing.T) {
	m := managertest.Start(t, nil)
	a := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL), "--log-format", "json"}})
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	p.Serve()
	a.says(t, `"msg":"connected","agentId":"k3v","name":"edge-7"`)
	a.says(t, `"manager":"`+m.URL+`"`)
}
