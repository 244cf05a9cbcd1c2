package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/zedops/zedops/agent/internal/identity"
)

func TestAFleetComesBackAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.json")
	manager, err := identity.ParseManager("http://127.0.0.1:8787")
	if err != nil {
		t.Fatal(err)
	}
	if hosts, err := load(path, manager); len(hosts) > 0 || err != nil {
		t.Fatalf("there was no file, and yet: %v, %v", hosts, err)
	}
	enrolled, rotating := newHost(), newHost()
	enrolled.Save(identity.Credential{Manager: manager, Token: "t1"})
	rotating.Save(identity.Credential{Manager: manager, Token: "t2"})
	rotating.SaveCandidate("t3")
	hosts := []*host{enrolled, rotating}
	if err := save(path, manager, hosts); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the tokens: %v, %v", info.Mode(), err)
	}
	back, err := load(path, manager)
	if err != nil || !reflect.DeepEqual(back, hosts) {
		t.Errorf("got %v, %v", back, err)
	}
}

func TestTokensAreForTheirOwnManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.json")
	one, _ := identity.ParseManager("http://127.0.0.1:8787")
	other, _ := identity.ParseManager("https://zedops.example.com")
	if err := save(path, one, []*host{newHost()}); err != nil {
		t.Fatal(err)
	}
	if hosts, err := load(path, other); err == nil {
		t.Errorf("loaded %d identities of another manager", len(hosts))
	}
}
