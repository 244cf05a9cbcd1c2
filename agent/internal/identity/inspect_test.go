package identity

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/zedops/zedops/agent/internal/fault"
)

// enrolledDir is the state directory of a host whose agent does not run.
func enrolledDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir)
	manager, err := ParseManager("https://manager.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(Credential{Manager: manager, Token: "permanent.token.value"}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	return dir
}

func TestInspectFindsWhatAnAgentStored(t *testing.T) {
	dir := enrolledDir(t)
	i, err := Inspect(dir)
	if err != nil || !i.Exists || i.Running || i.Credential == nil || i.Credential.Token != "permanent.token.value" || i.Manager.String() != "https://manager.example.com" || i.InstallID == "" {
		t.Fatalf("found %+v, %v", i, err)
	}
	s := open(t, dir)
	defer s.Close()
	if i, err := Inspect(dir); err != nil || !i.Running || i.Credential == nil {
		t.Errorf("beside an agent: %+v, %v", i, err)
	}
}

func TestInspectSeesAnAgentThatLocksTheDirectoryOnly(t *testing.T) {
	dir := enrolledDir(t)
	old, err := earlier(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if i, err := Inspect(dir); err != nil || !i.Running {
		t.Errorf("found %+v, %v", i, err)
	}
}

func TestInspectDisturbsNoAgent(t *testing.T) {
	dir := enrolledDir(t)
	ended := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ended:
				return
			default:
				if _, err := Inspect(dir); err != nil {
					t.Errorf("got %v", err)
					return
				}
			}
		}
	}()
	for range 50 {
		s, err := Open(dir)
		if err != nil {
			t.Errorf("an agent that starts got %v", err)
			break
		}
		s.Close()
	}
	close(ended)
	<-stopped
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.Name() == "doctor.new" {
			t.Error("it left a file behind")
		}
	}
}

func TestInspectNamesTheFault(t *testing.T) {
	write := func(name, text string) func(*testing.T, string) string {
		return func(t *testing.T, dir string) string {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}
	}
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string) (inspected string)
		code   fault.Code // empty: no fault
	}{
		"healthy":         {func(_ *testing.T, dir string) string { return dir }, ""},
		"not there yet":   {func(t *testing.T, _ string) string { return filepath.Join(t.TempDir(), "a", "b") }, ""},
		"a file":          {func(t *testing.T, dir string) string { return filepath.Join(dir, "token") }, fault.StateDamaged},
		"below a file":    {func(t *testing.T, dir string) string { return filepath.Join(dir, "token", "state") }, fault.StateUnreadable},
		"open to others":  {func(t *testing.T, dir string) string { _ = os.Chmod(dir, 0o755); return dir }, fault.StateOpen},
		"no manager":      {func(t *testing.T, dir string) string { os.Remove(filepath.Join(dir, "manager")); return dir }, fault.StateDamaged},
		"damaged manager": {write("manager", "ftp://x"), fault.StateDamaged},
		"damaged token":   {write("token", "two words"), fault.StateDamaged},
		"damaged install": {write("install-id", "x"), fault.StateDamaged},
		"damaged offer":   {write("token.candidate", "\x00"), fault.StateDamaged},
		"a probe left":    {write("doctor.new", "x"), ""},
		"a closed parent": {func(t *testing.T, dir string) string {
			_ = os.Chmod(dir, 0o500)
			return filepath.Join(dir, "state")
		}, map[bool]fault.Code{true: "", false: fault.StateUnwritable}[os.Geteuid() == 0]},
		"nothing is known": {func(t *testing.T, _ string) string { return t.TempDir() }, fault.StateOpen}, // t.TempDir is 0755
	} {
		t.Run(name, func(t *testing.T) {
			dir := c.change(t, enrolledDir(t))
			_, err := Inspect(dir)
			var f *fault.Fault
			switch {
			case c.code == "" && err != nil:
				t.Errorf("got %v", err)
			case c.code != "" && (!errors.As(err, &f) || f.Code != c.code || f.Step() != fault.State):
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}
