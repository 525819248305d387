package cli

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/signet-id/signet/pkg/adminclient"
)

func TestACreationWhoseAnswerWasLostIsTriedOnceMoreUnderTheSameKey(t *testing.T) {
	t.Parallel()
	gone := &url.Error{Op: "Post", URL: "https://id.example.com", Err: io.ErrUnexpectedEOF}
	for name, c := range map[string]struct {
		errs []error
		want int
	}{
		"it is answered":   {[]error{nil}, 1},
		"it is lost":       {[]error{gone, nil}, 2},
		"it is lost twice": {[]error{gone, gone, nil}, 2},
		"it is refused":    {[]error{&adminclient.Problem{Status: 409}, nil}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := map[string]bool{}
			n := 0
			_, err := creating(func(key adminclient.Option) (int, error) {
				r := &http.Request{Header: http.Header{}}
				key(r)
				keys[r.Header.Get("Idempotency-Key")] = true
				n++
				return 0, c.errs[n-1]
			})
			if n != c.want || len(keys) != 1 || keys[""] || !errors.Is(err, c.errs[n-1]) {
				t.Errorf("%d attempts under %v, %v", n, keys, err)
			}
		})
	}
}

func TestAttributesAreChangedOneByOne(t *testing.T) {
	t.Parallel()
	now := map[string]any{"plan": "gold", "seats": "1"}
	got, err := parseAttributes(now, []string{"plan=", "seats=25", "tags=[1]", "note=a=b", "odd={"})
	if err != nil {
		t.Fatal(err)
	}
	if text := object(got); text != "note=a=b\nodd={\nseats=25\ntags=[1]" {
		t.Errorf("got %q", text)
	}
	if !maps.Equal(now, map[string]any{"plan": "gold", "seats": "1"}) {
		t.Error("what was read was changed")
	}
	for _, wrong := range []string{"plan", "=x", ""} {
		if _, err := parseAttributes(nil, []string{wrong}); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

func TestPermissionsAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	got, err := permissionsOf([]string{"https://a.example/x?y=1=read,write", "urn:b c:d"})
	want := []adminclient.RolePermission{
		{Audience: "https://a.example/x?y=1", Slug: "read"}, {Audience: "https://a.example/x?y=1", Slug: "write"}, {Audience: "urn:b", Slug: "c:d"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if text := permissionLines(got); text != "https://a.example/x?y=1=read,write\nurn:b=c:d" {
		t.Errorf("got %q", text)
	}
	for _, wrong := range []string{"orders:read", "=x", "a=", ""} {
		if _, err := permissionsOf([]string{wrong}); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

func TestATimeIsADayAnInstantOrHowLongAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := &CLI{Now: func() time.Time { return now }}
	for text, want := range map[string]time.Time{
		"": {}, "24h": now.Add(-24 * time.Hour), "1d": now.AddDate(0, 0, -1), "30d": time.Date(2026, 1, 30, 12, 0, 0, 0, time.UTC),
		"2026-01-31": time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), "2026-01-31T01:00:00+01:00": time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := c.moment("since", text); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, wrong := range []string{"yesterday", "-1h", "1.5d", "-3d", "31.01.2026"} {
		if got, err := c.moment("since", wrong); err == nil {
			t.Errorf("%q: %v", wrong, got)
		}
	}
}
