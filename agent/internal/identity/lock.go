package identity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// flock is a variable for the tests, which stand in for a file system that cannot lock directories.
var flock = syscall.Flock

// LockedError says that another agent has the state directory.
type LockedError struct {
	Dir   string
	Cause error
}

func (l *LockedError) Error() string {
	return fmt.Sprintf("another agent is running with the state directory %s: stop it, or give this one its own --state-dir", l.Dir)
}

func (l *LockedError) Unwrap() error { return l.Cause }

// How often takeLocks tries again: a doctor that looks whether an agent runs holds the locks for a moment.
const (
	lockAttempts = 5
	lockPause    = 20 * time.Millisecond
)

// takeLocks locks the directory and a file in it. It returns the file, or nil.
func takeLocks(dir string, opened *os.File) (file *os.File, err error) {
	for range lockAttempts {
		var locked *LockedError
		if file, err = tryLocks(dir, opened); !errors.As(err, &locked) {
			break
		}
		time.Sleep(lockPause)
	}
	return file, err
}

// tryLocks is takeLocks without patience. One lock is enough: NFS cannot lock directories, a full or read-only disk
// has no room for the file, and earlier agents know the lock of the directory only.
func tryLocks(dir string, opened *os.File) (*os.File, error) {
	ofDirectory := flock(int(opened.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(ofDirectory, syscall.EWOULDBLOCK) {
		return nil, &LockedError{Dir: dir, Cause: ofDirectory}
	}
	// A file that is open for writing would keep an administrator from making the disk read-only. NFS locks no other.
	file, err := openLocked(filepath.Join(dir, lockFile), os.O_RDONLY)
	if errors.Is(err, syscall.EBADF) {
		file, err = openLocked(filepath.Join(dir, lockFile), os.O_RDWR)
	}
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, &LockedError{Dir: dir, Cause: err}
	case ofDirectory != nil:
		return nil, fmt.Errorf("lock the state directory %s: %w", dir, errors.Join(err, ofDirectory))
	}
	return nil, nil
}

func openLocked(path string, access int) (*os.File, error) {
	file, err := os.OpenFile(path, access|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
