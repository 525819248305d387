package scenario

import (
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/bench/internal/fill"
)

func TestAMemberIsFoundByItsWholeName(t *testing.T) {
	t.Parallel()
	body := []byte(`{"xsub":"no","active":true,"sub":"usr_1","note":"sub","id_token":"eyJ","empty":"","n":1}`)
	for name, want := range map[string]string{"sub": "usr_1", "xsub": "no", "id_token": "eyJ", "note": "sub"} {
		if got := string(member(body, name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"token", "active", "n", "absent"} {
		if got := member(body, name); got != nil {
			t.Errorf("%s is %q", name, got)
		}
	}
	for _, cut := range []string{"", `{"sub":"`, `{"sub":`, `{"sub`, `sub":"x"`} {
		if got := member([]byte(cut), "sub"); got != nil {
			t.Errorf("%q holds %q", cut, got)
		}
	}
}

func TestTheHiddenRequestAndTheCookieAreFound(t *testing.T) {
	t.Parallel()
	if got := hidden([]byte(`<form><input type="hidden" name="flow" value="a&#43;b&amp;c"></form>`), "flow"); got != "a+b&c" {
		t.Errorf("%q", got)
	}
	if got := hidden([]byte(`<form></form>`), "flow"); got != "" {
		t.Errorf("%q", got)
	}
	head := []byte("HTTP/1.1 303 See Other\r\nSet-Cookie: signet-device=no; Path=/\r\nSet-Cookie: signet=yes; Path=/\r\nLocation: /")
	if got := sessionFrom(head); got != "yes" {
		t.Errorf("%q", got)
	}
	if got := sessionFrom([]byte("HTTP/1.1 200 OK\r\nSet-Cookie: signet-device=no")); got != "" {
		t.Errorf("%q", got)
	}
}

func TestScenariosAreChosenByName(t *testing.T) {
	t.Parallel()
	all, err := Select(nil)
	if err != nil || len(all) != len(All()) {
		t.Fatalf("%d scenarios, %v", len(all), err)
	}
	names := map[string]bool{}
	for _, s := range all {
		if names[s.Name] || s.Title == "" || s.Prepare == nil || s.Target > 0 && s.Needed.What == "" {
			t.Errorf("scenario %q is there twice or incomplete", s.Name)
		}
		names[s.Name] = true
	}
	some, err := Select([]string{"jwks", "refresh"})
	if err != nil || len(some) != 2 || some[0].Name != "refresh" {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := Select([]string{"refresh", "nonsense"}); err == nil || !strings.Contains(err.Error(), "client_credentials") {
		t.Errorf("a scenario that does not exist: %v", err)
	}
}

func TestServerAndCeilingNeverRotateTheSameFamily(t *testing.T) {
	t.Parallel()
	e := Env{Slice: 100, Set: fill.Set{Size: fill.Size{Users: 10, Families: 150, Tenants: 1}, Began: time.Now()}}
	server, bare := e.Families()
	if len(server) != 75 || len(bare) != 75 {
		t.Errorf("%d and %d of 150 families", len(server), len(bare))
	}
	seen := map[string]bool{}
	for _, f := range append(server, bare...) {
		if seen[f.ID.String()] {
			t.Fatalf("family %s is rotated by both", f.ID)
		}
		seen[f.ID.String()] = true
	}
}
