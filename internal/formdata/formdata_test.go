package formdata_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/formdata"
)

const maxValue = 100

func TestOnlyWellFormedBodiesAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, contentType, body string
		status                          int // 0: accepted
	}{
		{"a form", "POST", "application/x-www-form-urlencoded", "a=1&b=%C3%A9+x", 0},
		{"a form with a charset", "POST", "application/x-www-form-urlencoded; charset=utf-8", "a=1", 0},
		{"an empty form", "POST", "application/x-www-form-urlencoded", "", 0},
		{"the longest value", "POST", "application/x-www-form-urlencoded", "a=" + strings.Repeat("x", maxValue), 0},
		{"a value too long", "POST", "application/x-www-form-urlencoded", "a=" + strings.Repeat("x", maxValue+1), 400},
		{"PUT", "PUT", "application/x-www-form-urlencoded", "a=1", 405},
		{"JSON", "POST", "application/json", `{}`, 400},
		{"no type", "POST", "", "a=1", 400},
		{"a broken escape", "POST", "application/x-www-form-urlencoded", "a=%g1", 400},
		{"a semicolon", "POST", "application/x-www-form-urlencoded", "a=1;b=2", 400},
		{"broken UTF-8 in a value", "POST", "application/x-www-form-urlencoded", "a=%ff", 400},
		{"broken UTF-8 in a name", "POST", "application/x-www-form-urlencoded", "%ff=a", 400},
		{"NUL in a value", "POST", "application/x-www-form-urlencoded", "a=%00", 400},
		{"NUL in a name", "POST", "application/x-www-form-urlencoded", "%00=a", 400},
		{"too many parameters", "POST", "application/x-www-form-urlencoded", strings.Repeat("a=1&", formdata.MaxParameters), 400},
		{"too long a body", "POST", "application/x-www-form-urlencoded", strings.Repeat("x", formdata.MaxBody+1), 413},
	} {
		r := httptest.NewRequest(c.method, "/?from=query", strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.contentType)
		form, err := formdata.Post(httptest.NewRecorder(), r, maxValue)
		if c.status == 0 {
			if err != nil || form.Has("from") {
				t.Errorf("%s: %v, %v", c.name, form, err)
			}
			continue
		}
		fault, ok := errors.AsType[*formdata.Error](err)
		if !ok || fault.Status != c.status || !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%s: %v, want status %d", c.name, err, c.status)
		}
	}
}

// announced is a body of which nothing arrives; it remembers how much room there was for it.
type announced struct{ room int }

func (a *announced) Read(p []byte) (int, error) {
	a.room = len(p)
	return 0, errors.New("the connection broke")
}

func (*announced) Close() error { return nil }

func TestABodyThatIsOnlyAnnouncedTakesLittleMemory(t *testing.T) {
	t.Parallel()
	body := &announced{}
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.ContentLength = formdata.MaxBody
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, err := formdata.Post(httptest.NewRecorder(), r, maxValue); err == nil {
		t.Error("a body that broke off was accepted")
	}
	if body.room > 8<<10 {
		t.Errorf("%d bytes were set aside for it", body.room)
	}
}

func TestQueriesAreCappedAndParsedAlike(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/?a="+strings.Repeat("x", formdata.MaxQuery), nil)
	_, err := formdata.Query(r, formdata.MaxQuery)
	if fault, ok := errors.AsType[*formdata.Error](err); !ok || fault.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %v", err)
	}
	if form, err := formdata.Query(httptest.NewRequest(http.MethodGet, "/?a=%20b", nil), maxValue); err != nil || form.Get("a") != " b" {
		t.Errorf("got %v, %v", form, err)
	}
}

func TestRepeatedParametersAreRefusedSaveThoseNamed(t *testing.T) {
	t.Parallel()
	form := url.Values{"resource": {"a", "b"}, "scope": {"x"}}
	if err := formdata.Single(form, "resource"); err != nil {
		t.Error(err)
	}
	if err := formdata.Single(form); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a=1&b=2", "a=%00", "%ff", "a;b", "a=%C3%A9", "&&&=", "a=%zz", "a=b=c&a&=x", "=&a+b=+"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		form, err := formdata.Parse(s, maxValue)
		if err != nil {
			if _, ok := errors.AsType[*formdata.Error](err); !ok || form != nil {
				t.Fatalf("%v, %v", form, err)
			}
			return
		}
		if same, err := url.ParseQuery(s); err != nil || !maps.EqualFunc(form, same, slices.Equal) {
			t.Fatalf("%q: %v, url.ParseQuery says %v, %v", s, form, same, err)
		}
		for name, values := range form {
			for _, v := range values {
				if len(v) > maxValue || !utf8.ValidString(v) || !utf8.ValidString(name) || strings.Contains(name+v, "\x00") {
					t.Fatalf("accepted %q=%q", name, v)
				}
			}
		}
	})
}
