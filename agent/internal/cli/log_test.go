package cli

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestALineThatComesAllTheTimeIsWrittenRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := slog.New(&calmHandler{Handler: slog.NewTextHandler(&out, nil), allowances: &allowances{of: map[string]*allowance{}}})
		lines := func() int { defer out.Reset(); return strings.Count(out.String(), "\n") }
		flood := func(hours int) {
			for range hours * 3600 {
				log.With("a", 1).WithGroup("g").Warn("lost", "b", 2)
				time.Sleep(time.Second)
			}
		}
		if flood(1); lines() < linesAtOnce {
			t.Error("the first lines are missing")
		}
		flood(9)
		if !strings.Contains(out.String(), "suppressed=1799") {
			t.Errorf("nothing counts what is left out in\n%s", &out)
		}
		if n := lines(); n != 18 {
			t.Errorf("%d lines in nine hours", n)
		}
		log.Info("another text")
		if n := lines(); n != 1 {
			t.Errorf("%d lines with another text", n)
		}
		time.Sleep(24 * time.Hour)
		for range linesAtOnce + 5 {
			log.Warn("lost")
		}
		if n := lines(); n != linesAtOnce {
			t.Errorf("%d lines after a quiet day", n)
		}
	})
}

func TestVerboseLeavesNothingOut(t *testing.T) {
	for verbose, limited := range map[bool]bool{true: false, false: true} {
		if _, ok := newLogger(settings{verbose: verbose}).Handler().(*calmHandler); ok != limited {
			t.Errorf("verbose %v: limited %v", verbose, ok)
		}
	}
}
