package protocol

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// codes is docs/vectors/codes.json.
type codes struct {
	FrameErrors   []Code
	RequestErrors []Code
	Refusals      []Code
	Closes        []Close
}

func readCodes(t *testing.T) (c codes) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "vectors", "codes.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// constants returns the values of all constants that a file declares, so that the test also sees a constant that is
// missing from the lists beside it.
func constants(t *testing.T, file string) []string {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, declaration := range syntax.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			for _, value := range spec.(*ast.ValueSpec).Values {
				literal, ok := value.(*ast.BasicLit)
				if !ok {
					t.Fatalf("%s: a constant is not a literal", file)
				}
				values = append(values, strings.Trim(literal.Value, `"`))
			}
		}
	}
	slices.Sort(values)
	return values
}

func TestTheErrorCodesAreThoseOfTheVectors(t *testing.T) {
	want := readCodes(t)
	for name, group := range map[string]struct{ got, want []Code }{
		"frameErrors":   {got: FrameErrors, want: want.FrameErrors},
		"requestErrors": {got: RequestErrors, want: want.RequestErrors},
		"refusals":      {got: Refusals, want: want.Refusals},
	} {
		if len(group.want) == 0 || !slices.Equal(group.got, group.want) {
			t.Errorf("%s are %v, want %v", name, group.got, group.want)
		}
	}
	var all []string
	for _, code := range slices.Concat(want.FrameErrors, want.RequestErrors, want.Refusals) {
		all = append(all, string(code))
	}
	slices.Sort(all)
	all = slices.Compact(all) // payload_too_large is in two groups
	if got := constants(t, "errors.go"); !slices.Equal(got, all) {
		t.Errorf("errors.go declares %v, want %v", got, all)
	}
}

func TestTheCloseCodesAreThoseOfTheVectors(t *testing.T) {
	want := readCodes(t).Closes
	if len(want) == 0 || !slices.Equal(Closes, want) {
		t.Errorf("the close codes are %v, want %v", Closes, want)
	}
	var numbers []string
	for _, c := range want {
		numbers = append(numbers, strconv.Itoa(c.Code))
		if got := CloseName(c.Code); got != c.Name {
			t.Errorf("CloseName(%d) = %q", c.Code, got)
		}
	}
	if got := CloseName(4999); got != "" {
		t.Errorf("CloseName(4999) = %q", got)
	}
	slices.Sort(numbers)
	if got := constants(t, "close.go"); !slices.Equal(got, numbers) {
		t.Errorf("close.go declares %v, want %v", got, numbers)
	}
}

func TestIsRefusal(t *testing.T) {
	for code, want := range map[Code]bool{AgentRevoked: true, UnsupportedProtocol: true, RegistryUnavailable: false, Internal: false, "of_tomorrow": false, "": false} {
		if got := IsRefusal(code); got != want {
			t.Errorf("IsRefusal(%q) = %v", code, got)
		}
	}
}

func TestABadFrameKeepsItsCause(t *testing.T) {
	_, err := Decode([]byte("hello"))
	var cause *WireError
	if !errors.As(err, &cause) || cause.Code != InvalidJSON {
		t.Errorf("the cause of %v is %v", err, cause)
	}
}
