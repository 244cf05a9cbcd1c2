package identity

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lost is an enrolled store whose directory or files are gone.
func lost(t *testing.T, lose func(dir string) error) (s *Store, dir string, kept Tokens) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state")
	s = open(t, dir)
	c := example(t)
	if err := errors.Join(s.Save(c), s.SaveCandidate("d.e.f")); err != nil {
		t.Fatal(err)
	}
	kept = Tokens{Manager: c.Manager, Token: c.Token, Candidate: "d.e.f"}
	if restored, err := s.Restore(kept); restored || err != nil {
		t.Errorf("nothing was lost, and it restores: %v, %v", restored, err)
	}
	if err := lose(dir); err != nil {
		t.Fatal(err)
	}
	return s, dir, kept
}

func TestWhatWasDeletedIsWrittenAgain(t *testing.T) {
	for name, lose := range map[string]func(dir string) error{
		"the directory": os.RemoveAll,
		"the directory, and an empty one took its place": func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)) },
		"everything in it": func(dir string) error {
			files, err := os.ReadDir(dir)
			for _, f := range files {
				err = errors.Join(err, os.Remove(filepath.Join(dir, f.Name())))
			}
			return err
		},
		"the token":      func(dir string) error { return os.Remove(filepath.Join(dir, "token")) },
		"the candidate":  func(dir string) error { return os.Remove(filepath.Join(dir, "token.candidate")) },
		"the manager":    func(dir string) error { return os.Remove(filepath.Join(dir, "manager")) },
		"the install id": func(dir string) error { return os.Remove(filepath.Join(dir, "install-id")) },
	} {
		t.Run(name, func(t *testing.T) {
			s, dir, kept := lost(t, lose)
			if restored, err := s.Restore(kept); !restored || err != nil {
				t.Errorf("it restores: %v, %v", restored, err)
			}
			if restored, err := s.Restore(kept); restored || err != nil {
				t.Errorf("it restores twice: %v, %v", restored, err)
			}
			_, err := Open(dir)
			wantLocked(t, err)
			if err := s.PromoteCandidate(); err != nil {
				t.Errorf("the next change: %v", err)
			}
			s.Close()
			again := open(t, dir)
			if c, err := again.Credential(); err != nil || c == nil || c.Token != "d.e.f" || c.Manager != kept.Manager || again.InstallID != s.InstallID {
				t.Errorf("there is %v with %s, %v", c, again.InstallID, err)
			}
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the directory has mode %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestADirectoryThatIsSomebodyElsesIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		lose func(dir string) error
		says string
	}{
		"moved":               {func(dir string) error { return os.Rename(dir, dir+".old") }, "move it back"},
		"moved, and replaced": {func(dir string) error { return errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o700)) }, "move it back"},
		"deleted, and replaced by another identity": {func(dir string) error {
			return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "install-id"), []byte("another-host\n"), 0o600))
		}, "restart this agent"},
		"deleted, and replaced by a file": {func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)) }, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir, kept := lost(t, c.lose)
			before, _ := os.ReadDir(dir)
			for range 2 {
				if restored, err := s.Restore(kept); restored || err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("it restores: %v, %v", restored, err)
				}
			}
			for _, change := range []func() error{func() error { return s.SaveCandidate("g.h.i") }, s.PromoteCandidate, s.DropCandidate, func() error { return s.Save(example(t)) }} {
				if err := change(); err == nil {
					t.Error("a change succeeds")
				}
			}
			if after, _ := os.ReadDir(dir); name != "deleted, and replaced by another identity" && len(after) != len(before) || len(after) > len(before)+1 {
				t.Errorf("there is %v", after) // at most the lock
			}
		})
	}
}

func TestADirectoryThatComesBackIsUsedAgain(t *testing.T) {
	s, dir, kept := lost(t, func(dir string) error { return os.Rename(dir, dir+".old") })
	if _, err := s.Restore(kept); err == nil {
		t.Error("the move is not noticed")
	}
	if err := os.Rename(dir+".old", dir); err != nil {
		t.Fatal(err)
	}
	if restored, err := s.Restore(kept); restored || err != nil {
		t.Errorf("it restores: %v, %v", restored, err)
	}
	if err := s.PromoteCandidate(); err != nil {
		t.Error(err)
	}
}

func TestAHostThatHasNotEnrolledRestoresItsInstallID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if restored, err := s.Restore(Tokens{}); !restored || err != nil {
		t.Errorf("it restores: %v, %v", restored, err)
	}
	if err := s.Save(example(t)); err != nil {
		t.Error(err)
	}
	s.Close()
	if again := open(t, dir); again.InstallID != s.InstallID {
		t.Errorf("install id %s became %s", s.InstallID, again.InstallID)
	}
}
