package identity

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func example(t *testing.T) Credential {
	t.Helper()
	m, err := ParseManager("https://example.com")
	if err != nil {
		t.Fatal(err)
	}
	return Credential{Manager: m, Token: "a.b.c"}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestACredentialSurvives(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "state")
	s := open(t, dir)
	if c, err := s.Credential(); c != nil || err != nil {
		t.Errorf("at first there is %v, %v", c, err)
	}
	if len(s.InstallID) < 8 || len(s.Warnings) > 0 {
		t.Errorf("install id %q, warnings %v", s.InstallID, s.Warnings)
	}
	want := example(t)
	for range 2 { // the second time over the first
		if err := s.Save(want); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()

	again := open(t, dir)
	got, err := again.Credential()
	if err != nil || got == nil || *got != want {
		t.Errorf("afterwards there is %v, %v", got, err)
	}
	if again.InstallID != s.InstallID {
		t.Errorf("install id %q became %q", s.InstallID, again.InstallID)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 4 {
		t.Errorf("the directory holds %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestACrashWhileSavingLeavesTheOldToken(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Save(example(t)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "token.new"), "half a tok")
	if c, err := s.Credential(); err != nil || c.Token != "a.b.c" {
		t.Errorf("the token is %v, %v", c, err)
	}
	next := example(t)
	next.Token = "d.e.f"
	if err := s.Save(next); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Credential(); err != nil || c.Token != "d.e.f" {
		t.Errorf("the token is %v, %v", c, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "token.new")); err == nil {
		t.Error("the half token is still there")
	}
}

func TestAnEnrolmentKeepsTheTokensThatItReplaces(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := errors.Join(s.Save(example(t)), s.SaveCandidate("d.e.f")); err != nil {
		t.Fatal(err)
	}
	anew := example(t)
	anew.Token = "g.h.i"
	if err := s.Save(anew); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"token": "g.h.i\n", "token.refused": "a.b.c\n", "token.candidate.refused": "d.e.f\n"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != want {
			t.Errorf("%s holds %q, %v", name, text, err)
		}
	}
	if c, err := s.Candidate(); c != "" || err != nil {
		t.Errorf("the candidate is %q, %v", c, err)
	}
}

func TestDamagedStateIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ file, text, says string }{
		"token with a line break":  {"token", "a.b\nc", "not a token"},
		"binary token":             {"token", "a\x00b", "not a token"},
		"huge token":               {"token", strings.Repeat("a", 5000), "too long"},
		"candidate of two lines":   {"token.candidate", "a.b\nc", "token.candidate: this is not a token"},
		"no manager":               {"manager", "", "manager is missing"},
		"manager that is no URL":   {"manager", "example", "must begin with http:// or https://"},
		"install id too short":     {"install-id", "abc", "install-id is damaged"},
		"install id with a header": {"install-id", "abcdefgh\r\nX: y", "install-id is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			if err := s.Save(example(t)); err != nil {
				t.Fatal(err)
			}
			s.Close()
			write(t, filepath.Join(dir, c.file), c.text)
			s, err := Open(dir)
			if err == nil {
				defer s.Close()
				_, err = s.Credential()
				if err == nil {
					_, err = s.Candidate()
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSaveRefusesAnInvalidToken(t *testing.T) {
	s := open(t, t.TempDir())
	c := example(t)
	c.Token = "a\r\nX-Header: b"
	if err := s.Save(c); err == nil {
		t.Error("it was saved")
	}
}

func TestTheLockEndsWithTheStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := Open(dir); !errors.Is(err, syscall.EWOULDBLOCK) || !strings.Contains(err.Error(), "another agent is running") {
		t.Errorf("a second store: %v", err)
	}
	s.Close()
	open(t, dir)
}

func TestACandidateEndsWithTheCredentialThatItWasFor(t *testing.T) {
	for name, end := range map[string]func(*Store) error{
		"promoted":  (*Store).PromoteCandidate,
		"dropped":   (*Store).DropCandidate,
		"set aside": func(s *Store) error { _, err := s.SetAside(); return err },
		"enrolled":  func(s *Store) error { return s.Save(example(t)) },
	} {
		dir := t.TempDir()
		s := open(t, dir)
		if err := s.Save(example(t)); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "token.candidate.new"), "half a tok")
		if err := s.SaveCandidate("d.e.f"); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Candidate(); c != "d.e.f" || err != nil {
			t.Errorf("%s: at first there is %q, %v", name, c, err)
		}
		if c, err := s.Credential(); err != nil || c.Token != "a.b.c" {
			t.Errorf("%s: the token beside it is %v, %v", name, c, err)
		}
		if err := end(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c, err := s.Candidate(); c != "" || err != nil {
			t.Errorf("%s: afterwards there is %q, %v", name, c, err)
		}
		c, err := s.Credential()
		if want := map[string]string{"promoted": "d.e.f", "dropped": "a.b.c", "enrolled": "a.b.c"}[name]; err != nil || (c == nil) != (want == "") || c != nil && c.Token != want {
			t.Errorf("%s: the token is %v, %v", name, c, err)
		}
	}
}
