package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Tokens are what a running agent holds in its memory. An empty one is not stored.
type Tokens struct {
	Manager   Manager
	Token     string
	Candidate string
}

// Restore notices that the state directory or a file in it was deleted, moved or replaced since Open. It writes what is
// missing again if nothing else can be there: the agent's memory may hold the only copy of the credential. It writes
// nothing into a directory that somebody else made or moved on purpose. restored says that it has written, and the error
// what an operator can do.
func (s *Store) Restore(t Tokens) (restored bool, err error) {
	if s.isAttached() {
		return s.writeMissing(t)
	}
	own, err := s.fd.Stat()
	if err != nil {
		return false, fmt.Errorf("inspect the state directory: %w", err)
	}
	if stat, ok := own.Sys().(*syscall.Stat_t); !ok || stat.Nlink > 0 {
		return false, fmt.Errorf("the state directory %s was moved or is hidden by another one: move it back, or stop this agent; until then it cannot store a new token", s.dir)
	}
	if err := s.reopen(); err != nil {
		return false, fmt.Errorf("the state directory %s was deleted and cannot be made again: %w", s.dir, err)
	}
	return s.writeMissing(t)
}

// errReplaced says that a deleted state directory has a successor with a state.
var errReplaced = errors.New("another one with an identity of its own is in its place: restart this agent to use that one")

// reopen makes a deleted directory again, or takes an empty one in its place.
func (s *Store) reopen() error {
	anew := &Store{dir: s.dir}
	if err := anew.openDirectory(); err != nil {
		return err
	}
	for _, name := range []string{tokenFile, candidateFile, managerFile, installIDFile} {
		if _, err := os.Lstat(anew.path(name)); !errors.Is(err, fs.ErrNotExist) {
			anew.Close()
			return errReplaced
		}
	}
	s.Close()
	s.fd, s.lock = anew.fd, anew.lock
	return nil
}

// writeMissing writes the files that are missing. Those that are there may have been changed on purpose, and stay.
func (s *Store) writeMissing(t Tokens) (restored bool, err error) {
	if _, err := os.Lstat(s.path(lockFile)); s.lock != nil && errors.Is(err, fs.ErrNotExist) {
		file, err := takeLocks(s.dir, s.fd)
		if err != nil {
			return false, err
		}
		s.lock.Close()
		s.lock = file
	}
	// A crash must leave no token without its manager. So the order matters.
	for _, f := range []struct{ name, line string }{
		{installIDFile, s.InstallID}, {managerFile, t.Manager.String()}, {candidateFile, t.Candidate}, {tokenFile, t.Token},
	} {
		if _, err := os.Lstat(s.path(f.name)); f.line == "" || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := s.write(f.name, f.line); err != nil {
			return restored, err
		}
		restored = true
	}
	return restored, nil
}

// isAttached reports whether the path still leads to the directory that was opened.
func (s *Store) isAttached() bool {
	own, err := s.fd.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(s.dir)
	return err == nil && os.SameFile(own, there)
}
