package link

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// Cloudflare bills for each message that is not a bare heartbeat. docs/counts.json has those of a connection, and `make bill`
// makes dollars of them.
func TestAConnectionSendsTheMessagesThatTheBillCounts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "counts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var counts struct{ AgentMessages []string }
	if err := json.Unmarshal(text, &counts); err != nil {
		t.Fatal(err)
	}
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := m.Next(t)
	sent := []string{p.Register(t, quick(500*time.Millisecond, 10*time.Second)).Subject}
	p.Serve()
	eventually(t, func() bool { return r.stats.connections.Load() > 0 }, "ready")
	// By the third one the first has been answered and reported. Later ones may report that a busy machine answers more slowly.
	for bare := 0; bare < 3; {
		switch m := <-p.Seen; {
		case m.Subject == protocol.SubjectHeartbeat && m.Data == nil:
			bare++
		default:
			sent = append(sent, m.Subject)
		}
	}
	if !slices.Equal(sent, counts.AgentMessages) {
		t.Errorf("it sent %v, not %v", sent, counts.AgentMessages)
	}
}
