package managertest

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// FailOnLeaks runs the tests of a package and fails if a goroutine with the agent's code is left afterwards. It is for
// TestMain.
func FailOnLeaks(m *testing.M) (code int) {
	if code = m.Run(); code != 0 {
		return code
	}
	var left []byte
	for deadline := time.Now().Add(Timeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if left = ownGoroutines(); left == nil {
			return 0
		}
	}
	fmt.Fprintf(os.Stderr, "goroutines are left after the tests:\n%s\n", left)
	return 1
}

// ownGoroutines are the stacks of the goroutines with the agent's code, except for the one that asks.
func ownGoroutines() (own []byte) {
	all := make([]byte, 4<<20)
	all = all[:runtime.Stack(all, true)]
	for i, stack := range bytes.Split(all, []byte("\n\n")) {
		if i > 0 && bytes.Contains(stack, []byte("github.com/zedops/zedops/agent/")) {
			own = append(append(own, stack...), "\n\n"...)
		}
	}
	return own
}
