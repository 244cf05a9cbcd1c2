package main

import (
	"bytes"
	"errors"
	"log/slog"
	"regexp"
	"testing"
	"time"
)

func TestLinesOfTheLogBecomeEvents(t *testing.T) {
	var output bytes.Buffer
	ready := 0
	log := slog.New(newJournal(&output).recorder("sim-0001", func() { ready++ }))
	log.Debug("connecting")
	log.Info("enrolled", "agentId", "a1")
	log.Info("connected", "agentId", "a1")
	log.Warn("connection lost, retrying", "error", errors.New("it broke off"), "up", "1s")
	log.Debug("waiting to connect again", "wait", (61*time.Second + 5*time.Millisecond).String(), "error", errors.New("it broke off"))
	log.Info("reconnected", "agentId", "a1")

	want := `{"at":0,"agent":"sim-0001","event":"connecting"}
{"at":0,"agent":"sim-0001","event":"connected"}
{"at":0,"agent":"sim-0001","event":"lost","error":"it broke off"}
{"at":0,"agent":"sim-0001","event":"waiting","waitMs":61005,"error":"it broke off"}
{"at":0,"agent":"sim-0001","event":"connected"}
`
	if got := undated(output.Bytes()); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	if ready != 1 {
		t.Errorf("it was ready %d times", ready)
	}
}

func TestAPublishedMessageIsAnEvent(t *testing.T) {
	var output bytes.Buffer
	line := []byte(`{"subject":"fleet.news","data":"<hi>"}` + "\n")
	if n, err := newJournal(&output).recorder("sim-0002", nil).Write(line); n != len(line) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	want := `{"at":0,"agent":"sim-0002","event":"received","message":{"subject":"fleet.news","data":"\u003chi\u003e"}}` + "\n"
	if got := undated(output.Bytes()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func undated(lines []byte) string {
	return string(regexp.MustCompile(`"at":[1-9]\d{12}`).ReplaceAll(lines, []byte(`"at":0`)))
}
