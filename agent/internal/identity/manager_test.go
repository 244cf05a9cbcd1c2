package identity

import (
	"strings"
	"testing"
)

func TestParseManager(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:8787":        "http://127.0.0.1:8787",
		"ws://127.0.0.1:8787/":         "http://127.0.0.1:8787",
		"wss://Example.COM":            "https://example.com",
		"HTTPS://example.com:443/":     "https://example.com",
		"http://example.com:80":        "http://example.com",
		"http://example.com:443":       "http://example.com:443",
		"https://example.com//":        "https://example.com",
		"https://example.com/secret/":  "",
		"https://example.com/%2Fb":     "",
		"http://[::1]:8787":            "http://[::1]:8787",
		"https://[2001:DB8::1]:443":    "https://[2001:db8::1]",
		"http://[FE80::1%25Eth0]:8787": "http://[fe80::1%25Eth0]:8787",
		"https://[fe80::1%25eth0]:443": "https://[fe80::1%25eth0]",
		"http://[fe80::1%25a%20b]":     "http://[fe80::1%25a%20b]",
		"http://[fe80::1%eth0]:8787":   "",
		" https://example.com\n":       "https://example.com",
		"example.com":                  "",
		"localhost:8787":               "",
		"127.0.0.1:8787":               "",
		"ftp://example.com":            "",
		"https://":                     "",
		"https://:8787":                "",
		"/relative":                    "",
		"":                             "",
		"https://user@example.com":     "",
		"https://u:secret@example.com": "",
		"https://example.com?t=secret": "",
		"https://example.com?":         "",
		"https://example.com#secret":   "",
		"https://exa mple.com/secret":  "",
		"https://example.com:secret":   "",
	} {
		m, err := ParseManager(text)
		if m.String() != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", text, m, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats it: %v", text, err)
		}
		if err == nil {
			if again, err := ParseManager(m.String()); again != m || err != nil {
				t.Errorf("%q: read again it is %q, %v", text, again, err)
			}
		}
	}
}

func TestIsUnencrypted(t *testing.T) {
	for text, want := range map[string]bool{
		"https://example.com": false, "http://127.0.0.1:8787": false, "http://[::1]:1": false, "http://localhost": false,
		"http://[::1%25lo]": false, "http://[fe80::1%25eth0]": true, "http://127.8.9.1": false, "http://example.com": true, "http://192.168.1.2:8787": true, "ws://localhost.example.com": true,
	} {
		m, err := ParseManager(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.IsUnencrypted(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
