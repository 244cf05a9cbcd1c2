package identity

import (
	"strings"
	"testing"
)

func TestIsToken(t *testing.T) {
	for text, want := range map[string]bool{
		"a.b.c": true, "eyJ0-_9.AZaz.09": true,
		"": false, "a": false, "a.b": false, "a.b.": false, ".b.c": false, "a..c": false, "a.b.c.d": false,
		"a.b.c ": false, "a.b!b.c": false, "a.b=.c": false, "a.b.é": false, "a.b.c\n": false,
		"a.b." + strings.Repeat("x", 4092): true, "a.b." + strings.Repeat("x", 4093): false,
	} {
		if got := IsToken(text); got != want {
			t.Errorf("%.20q: %v", text, got)
		}
	}
}
