package link

import (
	"os"
	"testing"

	"github.com/zedops/zedops/agent/internal/managertest"
)

func TestMain(m *testing.M) { os.Exit(managertest.FailOnLeaks(m)) }
