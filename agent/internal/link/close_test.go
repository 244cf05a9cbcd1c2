package link

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// A manager that has stopped reading does not answer the agent's close frame.
func TestAStopDoesNotWaitForADeadManager(t *testing.T) {
	for name, pauses := range map[string]bool{"while the reader reads": false, "while the reader pauses": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, r := inMemory(t, nil, nil)
				p := m.Next(t)
				p.Register(t, managertest.Defaults())
				for range 2 { // the first beat and the echo, and nothing is read after them
					if m := p.Receive(t); m.Subject == protocol.SubjectEcho {
						p.Send(t, `{"subject":"`+m.Reply+`","data":`+string(m.Data)+`}`)
					}
				}
				r.log.says(t, "msg=connected")
				if pauses {
					r.intake.spend(framesAtOnce+60*framesPerSecond, 0)
					p.Send(t, `{"subject":"anything"}`)
				}
				synctest.Wait()

				asked := time.Now()
				r.stop()
				_ = r.ended(t)
				if took := time.Since(asked); took > closeGrace {
					t.Errorf("stopping took %v", took)
				}
			})
		})
	}
}

func TestAProbeDoesNotWaitForADeadManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := inMemory(t, nil, nil)
		m.Next(t)
		found := make(chan Findings, 1)
		go func() { found <- r.Probe(t.Context(), managertest.PermanentToken) }()
		p := m.Next(t)
		p.Welcome(t, managertest.Defaults())
		p.Receive(t)
		p.Send(t, protocol.HeartbeatAck)
		synctest.Wait()

		beaten := time.Now()
		if f := <-found; f.Err != nil {
			t.Error(f.Err)
		}
		if took := time.Since(beaten); took > closeGrace {
			t.Errorf("the probe ended %v after the beat", took)
		}
	})
}
