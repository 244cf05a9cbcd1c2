package link

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

func TestCheckPattern(t *testing.T) {
	for pattern, says := range map[string]string{
		"fleet.>": "", "fleet.*.a": "", "agents.self.>": "", "agents.self.log": "", "fleet.self": "",
		"fleet": `must begin with "fleet."`, "fleets.a": "must begin", ">": "must begin", "*.a": "must begin",
		"agents.k3v.>": "must begin", "agents.*.>": "must begin", "agents.self": "must begin", "inbox.>": "must begin",
		"": "not a pattern", "fleet.": "not a pattern", "fleet.a*": "not a pattern", "fleet.>.a": "not a pattern", "agents.self.é": "not a pattern",
		"agents.self." + strings.Repeat(strings.Repeat("a", 60)+".", 3) + "a": "too long",
	} {
		err := CheckPattern(pattern)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

// subscribed is a link whose output the test reads.
func subscribed(t *testing.T, url string, patterns ...string) (*running, *logged) {
	t.Helper()
	out := &logged{}
	return run(t, url, func(l *Link) { l.config.Subscribe, l.config.Output = patterns, out }), out
}

func TestSubscribesBeforeItIsReadyOnEveryConnection(t *testing.T) {
	m := managertest.Start(t, nil)
	r, _ := subscribed(t, m.URL, "fleet.>", "agents.self.>", "fleet.self.a")
	for round := range 2 {
		p := m.Next(t)
		p.Register(t, managertest.Defaults())
		var subjects []string
		for len(subjects) == 0 || subjects[len(subjects)-1] != protocol.SubjectEcho {
			got := p.Receive(t)
			if got.Subject == protocol.SubjectHeartbeat {
				continue
			}
			subjects = append(subjects, got.Subject)
			if got.Subject == protocol.SubjectSubscribe {
				var list struct{ Patterns []string }
				if err := json.Unmarshal(got.Data, &list); err != nil || strings.Join(list.Patterns, " ") != "fleet.> agents.k3v.> fleet.self.a" {
					t.Errorf("it subscribes to %s", got.Data)
				}
				if n := r.stats.connections.Load(); n != int64(round) {
					t.Errorf("it was ready %d times before the answer of round %d", n, round)
				}
			}
			p.Send(t, `{"subject":"`+got.Reply+`","data":`+string(got.Data)+`}`)
		}
		if want := "agent.subscribe test.echo"; strings.Join(subjects, " ") != want {
			t.Errorf("it sent %v", subjects)
		}
		p.Serve()
		eventually(t, func() bool { return r.stats.connections.Load() == int64(round+1) }, "ready")
		p.Drop()
	}
	r.log.says(t, `subscriptions="fleet.> agents.k3v.> fleet.self.a"`)
}

func TestASubscriptionThatIsRefusedIsRetriedWithTheCredential(t *testing.T) {
	for name, c := range map[string]struct{ answer, says string }{
		"forbidden":    {`"error":{"code":"forbidden","message":"no"}`, "subscribe to fleet.>: forbidden: no"},
		"of our codes": {`"error":{"code":"agent_revoked","message":"no"}`, "subscribe to fleet.>: agent_revoked: no"},
		"left out":     {`"data":{"patterns":["fleet.a"]}`, "subscribe to fleet.>: the manager left it out"},
		"no list":      {`"data":7`, "read the subscriptions"},
	} {
		t.Run(name, func(t *testing.T) {
			m := managertest.Start(t, nil)
			r := run(t, m.URL, func(l *Link) {
				l.config.Subscribe, l.config.Output, l.config.MaxRetries = []string{"fleet.>"}, io.Discard, 1
			})
			p := m.Next(t)
			p.Register(t, managertest.Defaults())
			got := p.Receive(t)
			for got.Subject != protocol.SubjectSubscribe {
				got = p.Receive(t)
			}
			p.Send(t, `{"subject":"`+got.Reply+`",`+c.answer+`}`)
			p.Serve()
			var gaveUp *GaveUpError
			if err := r.ended(t); !errors.As(err, &gaveUp) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestWritesItsPublishedMessagesOnly(t *testing.T) {
	m := managertest.Start(t, nil)
	r, out := subscribed(t, m.URL, "fleet.*", "fleet.>", "agents.self.>")
	p := connected(t, m, r, managertest.Defaults())
	for _, frame := range []string{
		`{"subject":"fleet.a","data":{"html": "<&>",` + "\n" + ` "n":12345678901234567890},"timestamp":1790000000000,"new":1}`,
		`{"subject":"agents.k3v.log","data":null}`,
		`{"subject":"fleet.a.b"}`,
		`{"subject":"agents.other.log"}`,
		`{"subject":"fleet"}`,
		`{"subject":"agents.self.log"}`,
		`{"subject":"agent.unknown"}`,
		`{"subject":"inbox.c7h2k9.unknown"}`,
		`{"subject":"fleet.asked","reply":"inbox.c7h2k9.m1"}`,
		`{"subject":"fleet.asked","reply":"inbox.another.1"}`,
		`{"subject":"fleet.end"}`,
	} {
		p.Send(t, frame)
	}
	if got := p.Await(t, inbox(1)); got.Error == nil || got.Error.Code != protocol.NoResponders {
		t.Errorf("a request got %v", got)
	}
	out.says(t, "fleet.end")
	want := `{"subject":"fleet.a","data":{"html":"<&>","n":12345678901234567890},"timestamp":1790000000000}
{"subject":"agents.k3v.log","data":null}
{"subject":"fleet.a.b"}
{"subject":"fleet.end"}
`
	if out.String() != want {
		t.Errorf("it wrote\n%s", out)
	}
	p.Drop()
	r.log.says(t, "droppedFrames=6")
}
