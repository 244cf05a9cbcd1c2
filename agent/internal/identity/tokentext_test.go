package identity

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// inUTF16 encodes a text as Windows does, with or without a byte order mark.
func inUTF16(text string, bigEndian, mark bool) string {
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xFEFF}, units...)
	}
	var b []byte
	for _, u := range units {
		if bigEndian {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

func TestReadsATokenFileAsEditorsAndShellsWriteIt(t *testing.T) {
	const token = "eyJh.b-_.c9"
	for name, text := range map[string]string{
		"plain":                        token,
		"a line":                       token + "\n",
		"Windows line ends":            token + "\r\nsecond\r\n",
		"leading blank lines":          "\n \t\r\n\n" + token + "\n",
		"a byte order mark":            "\xEF\xBB\xBF" + token + "\r\n",
		"UTF-16 of Windows":            inUTF16(token+"\r\n", false, true),
		"UTF-16, big endian":           inUTF16(token+"\r\n", true, true),
		"UTF-16 without mark":          inUTF16(token, false, false),
		"UTF-16, big, without mark":    inUTF16(token, true, false),
		"UTF-16 with blank lines":      inUTF16("\r\n"+token+"\r\n", false, true),
		"double quotes":                `"` + token + `"` + "\n",
		"single quotes":                "'" + token + "'",
		"quotes of a word processor":   "“" + token + "”\n",
		"quotes with spaces in UTF-16": inUTF16(` "`+token+`" `, false, true),
	} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := (EnrolmentSource{File: path}).Read(nil, nil); got != token || err != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if strings.IndexByte(text, 0) >= 0 { // no environment holds it
			continue
		}
		if got, err := (EnrolmentSource{Env: text}).Read(nil, nil); got != token || err != nil {
			t.Errorf("%s in ZEDOPS_TOKEN: got %q, %v", name, got, err)
		}
	}
}

func TestNamesTheFaultOfATokenFile(t *testing.T) {
	for text, fault := range map[string]string{
		"":                           "empty",
		" \r\n\n":                    "empty",
		"a.b.c d":                    "spaces",
		"\xEF\xBB\xBF\xFFa.b.c":      "no text in UTF-8",
		`"a.b.c`:                     "quotes",
		"a.b":                        "three parts",
		strings.Repeat("\x00", 9000): "zero bytes",
		strings.Repeat("a.", 9000):   "too long for one",
	} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (EnrolmentSource{File: path}).Read(nil, nil); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%.20q: got %v", text, err)
		}
	}
}

func TestReadsAPipeThatStaysOpen(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	go func() {
		for _, part := range []string{"\n", "a.b", ".c\n"} {
			_, _ = w.WriteString(part)
		}
	}()
	if got, err := (EnrolmentSource{File: "-"}).Read(r, nil); got != "a.b.c" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestNamesTheFaultOfAStoredToken(t *testing.T) {
	for text, fault := range map[string]string{
		"\xEF\xBB\xBFa.b.c\n":           "byte order mark",
		inUTF16("a.b.c\n", false, true): "UTF-16",
		"a.b.c\nd.e.f\n":                "several lines",
		"\"a.b.c\"\n":                   "quotes",
		"a.b.c d\n":                     "spaces",
		"\x00\x00\x00\x00":              "zero bytes",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, tokenFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Credential()
		if err == nil || !strings.Contains(err.Error(), fault) || !strings.Contains(err.Error(), tokenFile) {
			t.Errorf("%q: got %v", text, err)
		}
		s.Close()
	}
}

func FuzzTokenInText(f *testing.F) {
	for _, text := range []string{"a.b.c\n", "\xEF\xBB\xBFa.b.c", inUTF16("a.b.c\r\n", false, true), inUTF16("\n'a.b.c'", true, false), `"“`, "\xFF\xFE\x00", "\x00a"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		token, err := tokenInText(text, true)
		if err != nil {
			t.Fatalf("a whole text is incomplete: %v", err)
		}
		if strings.TrimSpace(token) != token || strings.Contains(token, "\n") {
			t.Errorf("got %q", token)
		}
		if textFault(token) == nil && checkToken(token) != nil {
			t.Errorf("%q has no fault and is refused", token)
		}
		if _, err := tokenInText(text, false); err != nil && !errors.Is(err, errIncomplete) {
			t.Error(err)
		}
	})
}

// FuzzStateFiles opens a state directory whose files hold anything.
func FuzzStateFiles(f *testing.F) {
	f.Add([]byte("a.b.c\n"), []byte("https://zedops.example.com\n"), []byte("install-0001\n"), []byte(""))
	f.Add([]byte("\xFF\xFEa\x00"), []byte("http://u:p@x"), []byte("\x00"), []byte("a b"))
	f.Add([]byte(""), []byte("http://[fe80::1%25eth0]:1"), []byte(""), []byte("x.y.z"))
	f.Fuzz(func(t *testing.T, token, manager, installID, candidate []byte) {
		dir := t.TempDir()
		for name, text := range map[string][]byte{tokenFile: token, managerFile: manager, installIDFile: installID, candidateFile: candidate} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Open(dir)
		if err != nil {
			return
		}
		defer s.Close()
		if c, err := s.Credential(); err == nil && c != nil && (checkToken(c.Token) != nil || c.Manager == (Manager{})) {
			t.Errorf("it takes %+v", c)
		}
		if c, err := s.Candidate(); err == nil && checkToken(c) != nil {
			t.Errorf("it takes the candidate %q", c)
		}
	})
}
