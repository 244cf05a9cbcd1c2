package identity

import (
	"encoding/base64"
	"testing"
)

func TestTheAgentOfAToken(t *testing.T) {
	signed := func(claims string) string {
		return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
	}
	for token, want := range map[string]string{
		signed(`{"sub":"k3v","iat":1790000000}`): "k3v",
		signed(`{"sub":"k3v\u001b[2J"}`):         "",
		signed(`{"sub":"a.b"}`):                  "",
		signed(`{"sub":7}`):                      "",
		signed(`{}`):                             "",
		signed(`[`):                              "",
		"permanent.token.value":                  "",
		"permanent":                              "",
		"":                                       "",
		"eyJ.eyJzdWIiOiJrM3YifQ==.with-padding==": "",
	} {
		if got := AgentID(token); got != want {
			t.Errorf("%s: %q, want %q", token, got, want)
		}
	}
}
