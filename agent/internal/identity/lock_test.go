package identity

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// earlier opens a directory as agents did before there was a lock file.
func earlier(dir string) (*os.File, error) {
	fd, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(fd.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		fd.Close()
		return nil, err
	}
	return fd, nil
}

// withoutDirectoryLocks behaves as NFS does until the test ends: it locks only files that are open for writing.
func withoutDirectoryLocks(t *testing.T) {
	t.Cleanup(func() { flock = syscall.Flock })
	flock = func(fd, how int) error {
		var stat syscall.Stat_t
		if err := syscall.Fstat(fd, &stat); err == nil && stat.Mode&syscall.S_IFMT == syscall.S_IFDIR {
			return syscall.EBADF
		}
		if access, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || access&unix.O_ACCMODE == unix.O_RDONLY {
			return syscall.EBADF
		}
		return syscall.Flock(fd, how)
	}
}

func wantLocked(t *testing.T, err error) {
	t.Helper()
	var locked *LockedError
	if !errors.As(err, &locked) {
		t.Errorf("got %v", err)
	}
}

func TestAnEarlierAgentExcludesThisOneAndTheReverse(t *testing.T) {
	dir := t.TempDir()
	old, err := earlier(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir)
	wantLocked(t, err)
	old.Close()
	s := open(t, dir)
	if _, err := earlier(dir); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("the earlier agent got %v", err)
	}
	s.Close()
	if old, err = earlier(dir); err != nil {
		t.Errorf("the earlier agent got %v", err)
	}
	old.Close()
}

func TestTheLockIsNotOpenForWritingOnALocalDisk(t *testing.T) {
	s := open(t, t.TempDir())
	if access, err := unix.FcntlInt(s.lock.Fd(), unix.F_GETFL, 0); err != nil || access&unix.O_ACCMODE != unix.O_RDONLY {
		t.Errorf("access is %d, %v", access, err)
	}
}

func TestAFileIsLockedWhereADirectoryCannotBe(t *testing.T) {
	withoutDirectoryLocks(t)
	dir := t.TempDir()
	s := open(t, dir)
	_, err := Open(dir)
	wantLocked(t, err)
	s.Close()
	open(t, dir)
}

func TestADirectoryIsLockedWhereNoFileCanBeMade(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).Close()
	lock := filepath.Join(dir, "lock")
	if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o700)); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	_, err := Open(dir)
	wantLocked(t, err)
	s.Close()
	withoutDirectoryLocks(t)
	if _, err := Open(dir); !errors.Is(err, syscall.EISDIR) || !errors.Is(err, syscall.EBADF) {
		t.Errorf("without any lock: %v", err)
	}
}
