package identity

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// EnrolmentSource says where the enrolment token comes from. The first field that is set counts.
type EnrolmentSource struct {
	Token string // the token itself
	File  string // path of a file whose first line that is not blank is the token, or "-" for standard input
	Env   string // the value of ZEDOPS_TOKEN
}

// Given reports whether a source is set.
func (e EnrolmentSource) Given() bool { return e != (EnrolmentSource{}) }

// ErrNoToken is returned by Read when no source is set.
var ErrNoToken = errors.New("this host is not enrolled, and no enrolment token was given: start the agent once with --token-file or ZEDOPS_TOKEN")

// IsToken reports whether the text has the form of a token, a JWT. Only the manager can check whether it is valid.
func IsToken(text string) bool {
	header, rest, _ := strings.Cut(text, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	return isURLSafe(header) && isURLSafe(claims) && isURLSafe(signature) && checkToken(text) == nil
}

// isURLSafe is true for one or more characters of the URL-safe base64 alphabet.
func isURLSafe(text string) bool {
	return text != "" && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// Read returns the token. It may wait for standard input. If that is a terminal, it asks for the token on prompt.
func (e EnrolmentSource) Read(stdin *os.File, prompt io.Writer) (string, error) {
	var token string
	var err error
	switch {
	case e.Token != "":
		token, err = tokenInText([]byte(e.Token), true)
	case e.File == "-":
		if term.IsTerminal(int(stdin.Fd())) {
			fmt.Fprint(prompt, "Paste the enrolment token: ")
		}
		token, err = readTokenText(stdin)
	case e.File != "":
		token, err = readTokenFile(e.File)
	case e.Env != "":
		token, err = tokenInText([]byte(e.Env), true)
	default:
		return "", ErrNoToken
	}
	if err != nil {
		return "", fmt.Errorf("read the enrolment token: %w", err)
	}
	if token == "" {
		return "", errors.New("the enrolment token is empty")
	}
	if err := textFault(token); err != nil {
		return "", fmt.Errorf("that is not an enrolment token: %w; was it copied whole?", err)
	}
	if !IsToken(token) {
		return "", errors.New("that is not an enrolment token: a token is one line of three parts, joined by dots; was it copied whole?")
	}
	return token, nil
}

func readTokenFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return readTokenText(f)
}

// readTokenText reads until the token is complete: a terminal and a pipe may stay open after it.
func readTokenText(r io.Reader) (string, error) {
	text := make([]byte, 0, longestTokenText)
	for {
		n, err := r.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		token, incomplete := tokenInText(text, err != nil || len(text) == cap(text))
		if incomplete == nil {
			return token, nil
		}
	}
}
