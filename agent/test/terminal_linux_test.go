package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zedops/zedops/agent/internal/managertest"
)

const prompt = "Paste the enrolment token: "

// terminal opens a new terminal. The test types into keys, and the program reads from tty.
func terminal(t *testing.T) (keys, tty *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { keys.Close() })
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return keys, tty
}

func TestAsksAPersonAtATerminal(t *testing.T) {
	m := managertest.Start(t, nil)
	keys, tty := terminal(t)
	a := start(t, options{args: []string{"--manager", m.URL, "--token-file", "-"}, file: tty})
	a.says(t, prompt)
	fmt.Fprintln(keys, managertest.EnrolmentToken)
	if got := m.Next(t).Header.Get("Authorization"); got != "Bearer "+managertest.EnrolmentToken {
		t.Errorf("it came with %q", got)
	}
}

func TestAsksNobodyWithoutATerminal(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	a := start(t, options{args: []string{"--token-file", "-"}, file: null})
	a.wantExit(t, 64, "the enrolment token is empty")
	if strings.Contains(a.output.String(), prompt) {
		t.Error("it asked")
	}
}

func TestAsksAPersonWhoseHostIsEnrolledOnlyWhenItWasRemoved(t *testing.T) {
	m := refusing(t, "agent_removed", removedToken)
	keys, tty := terminal(t)
	dir := enrolled(t, m.URL)
	a := start(t, options{args: []string{"--state-dir", dir, "--token-file", "-"}, file: tty})
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	p.Serve()
	a.says(t, "msg=connected")
	if strings.Contains(a.output.String(), prompt) {
		t.Error("it asked")
	}
	a.stopsWithin2s(t, syscall.SIGTERM)

	dir = removed(t, m.URL)
	b := start(t, options{args: []string{"--state-dir", dir, "--token-file", "-"}, file: tty})
	b.says(t, prompt)
	b.stopsWithin2s(t, os.Interrupt)
	wantFile(t, dir, "token", removedToken)

	c := start(t, options{args: []string{"--state-dir", dir, "--token-file", "-"}, file: tty})
	c.says(t, prompt)
	fmt.Fprintln(keys, managertest.EnrolmentToken)
	wantReenrolled(t, c, m, dir)
}

func TestResetAsksAPerson(t *testing.T) {
	for name, c := range map[string]struct {
		typed  string
		code   int
		says   string
		stdout string
	}{
		"yes":              {"y\n", 0, "", "is deleted. The manager still lists this host"},
		"yes, in full":     {" YES \n", 0, "", "is deleted. The manager still lists this host"},
		"no":               {"n\n", 1, "nothing is deleted", ""},
		"nothing":          {"\n", 1, "nothing is deleted", ""},
		"another word":     {"yesterday\n", 1, "nothing is deleted", ""},
		"the end of input": {"\x04", 1, "nothing is deleted", ""},
		"Ctrl-C":           {"", -1, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			keys, tty := terminal(t)
			dir := enrolled(t, "https://manager.invalid")
			r := start(t, options{args: []string{"reset", "--state-dir", dir}, file: tty})
			r.says(t, "Delete the identity of this host in "+dir+"? It then needs a new enrolment token. [y/N] ")
			if c.typed == "" {
				_ = r.Process.Signal(os.Interrupt)
			}
			fmt.Fprint(keys, c.typed)
			r.wantExit(t, c.code, c.says)
			if c.stdout != "" {
				r.wantStdout(t, c.stdout)
			}
			_, err := os.Stat(filepath.Join(dir, "token"))
			if isThere := err == nil; isThere != (c.code != 0) {
				t.Errorf("the token is there: %v", isThere)
			}
		})
	}
}
