package jwks

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeysAreFetchedOverARealConnection(t *testing.T) {
	t.Parallel()
	k := newKey(t, "a")
	i := newIssuer(documentOf(t, k), signetCaching)
	s, _ := serve(t, i, nil)
	got, err := s.Key(within(t, time.Minute), "a")
	if err != nil {
		t.Fatal(err)
	}
	if !same(&got, &k) || got.ID != "a" {
		t.Errorf("got %v, want %v", got, k)
	}
	if _, ok := s.Lookup("a"); !ok {
		t.Error("Lookup does not find what Key found")
	}
	if n := len(i.seen()); n != 1 {
		t.Errorf("%d requests, want 1: the first lookup shares the first fetch", n)
	}
	h := i.seen()[0].header
	if h.Get("Accept") == "" || h.Get("User-Agent") == "" || h.Get("If-None-Match") != "" {
		t.Errorf("request header %v", h)
	}
}

func TestFetchesThatFailSayWhy(t *testing.T) {
	t.Parallel()
	good := jwk(t, "good", nil)
	write := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, jwkSet(good)+strings.Repeat(" ", 50<<20))
	_ = z.Close()

	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    error
	}{
		{"a huge document", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil { // without end
				if _, err := w.Write(bytes.Repeat([]byte(" "), 64<<10)); err != nil {
					return
				}
			}
		}, ErrTooLarge},
		{"a document that is small only while it is compressed", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped.Bytes())
		}, ErrTooLarge},
		{"an empty document", write(`{"keys":[]}`), ErrEmpty},
		{"an empty body", write(""), ErrMalformed},
		{"a web page", write("<!doctype html>"), ErrMalformed},
		{"duplicate kids", write(jwkSet(good, jwk(t, "good", nil))), ErrDuplicateKey},
		{"private parts", write(jwkSet(jwk(t, "good", map[string]any{"d": "AA"}))), ErrPrivateKey},
		{"not found", http.NotFound, ErrStatus},
		{"an internal error with a good body", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, jwkSet(good))
		}, ErrStatus},
		{"a 304 that was not asked for", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotModified)
		}, ErrStatus},
		{"partial content", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, jwkSet(good))
		}, ErrStatus},
		{"a body that is cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, jwkSet(good))
		}, io.ErrUnexpectedEOF},
	}
	all := []error{ErrTooLarge, ErrRedirect, ErrStatus, ErrMalformed, ErrEmpty, ErrDuplicateKey, ErrPrivateKey, ErrTimeout, ErrUnknownKey}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, _ := serve(t, tt.handler, nil)
			_, err := s.Key(within(t, time.Minute), "good")
			if !errors.Is(err, ErrUnavailable) || !errors.Is(err, tt.want) {
				t.Errorf("error %v, want ErrUnavailable and %v", err, tt.want)
			}
			for _, e := range all {
				if !errors.Is(tt.want, e) && errors.Is(err, e) {
					t.Errorf("error %v is %v too", err, e)
				}
			}
			if err := s.Refresh(within(t, time.Minute)); !errors.Is(err, tt.want) || errors.Is(err, ErrUnavailable) {
				t.Errorf("Refresh: %v, want %v", err, tt.want)
			}
			if h := s.Health(); h.OK() || !errors.Is(h.Err, tt.want) {
				t.Errorf("health %v", h)
			}
		})
	}
}

func TestRedirectsAreNotFollowedWhateverTheClientSays(t *testing.T) {
	t.Parallel()
	var followed atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		followed.Add(1)
		_, _ = io.WriteString(w, jwkSet(jwk(t, "a", nil)))
	}))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, client := range map[string]*http.Client{"own client": nil, "given client": {
			CheckRedirect: func(*http.Request, []*http.Request) error { return nil },
		}} {
			t.Run(name+" "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				s, _ := serve(t, http.RedirectHandler(elsewhere.URL, status), func(c *Config) { c.Client = client })
				if _, err := s.Key(within(t, time.Minute), "a"); !errors.Is(err, ErrRedirect) {
					t.Errorf("error %v, want ErrRedirect", err)
				}
			})
		}
	}
	t.Cleanup(func() {
		if n := followed.Load(); n != 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
}

func TestCookiesOfTheClientAreNotSent(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), "")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	loop, _ := url.Parse("http://127.0.0.1")
	jar.SetCookies(loop, []*http.Cookie{{Name: "session", Value: "1"}})
	client := &http.Client{Jar: jar}
	s, _ := serve(t, i, func(c *Config) { c.Client = client })
	if err := s.Ready(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if cookie := i.seen()[0].header.Get("Cookie"); cookie != "" {
		t.Errorf("sent the cookie %q", cookie)
	}
	if client.Jar == nil || client.CheckRedirect != nil {
		t.Error("the caller's client was changed")
	}
}

// drip is a body that never ends and never stops.
type drip struct{ ctx context.Context }

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = ' '
		return 1, nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

func (drip) Close() error { return nil }

func TestAFetchEndsInTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		answer  func(*http.Request) (*http.Response, error)
		timeout time.Duration // of the caller's client
		want    time.Duration
	}{
		{"when nothing comes", func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, 0, FetchTimeout},
		{"when the body drips", func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: drip{r.Context()}}, nil
		}, 0, FetchTimeout},
		{"sooner if the client says so", func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, 3 * time.Second, 3 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s, err := New(ctx, Config{URL: testURL, Client: &http.Client{Transport: transportFunc(tt.answer), Timeout: tt.timeout}})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_, err = s.Key(t.Context(), "a")
				if !errors.Is(err, ErrTimeout) || !errors.Is(err, ErrUnavailable) {
					t.Errorf("error %v, want ErrTimeout in ErrUnavailable", err)
				}
				if took := time.Since(start); took != tt.want {
					t.Errorf("took %v, want %v", took, tt.want)
				}
			})
		})
	}
}

func TestASlowServerTimesOutTheCallersContextFirst(t *testing.T) {
	t.Parallel()
	s, _ := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Key(ctx, "a")
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTimeout) {
		t.Errorf("error %v, want ErrUnavailable for the caller's deadline", err)
	}
	if err := s.Ready(ctx); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ready: %v", err)
	}
	if err := s.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Refresh: %v", err)
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOnlyTagsThatCanBeSentBackAreKept(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]bool{
		`"abc"`: true, `W/"abc"`: true, `""`: true,
		``: false, `abc`: false, `"`: false, `"a b"`: false, `"a"b"`: false, "\"a\r\nX: y\"": false,
		`"` + strings.Repeat("x", maxETag) + `"`: false,
	} {
		if got := sendable(tag) != ""; got != want {
			t.Errorf("sendable(%.20q) = %v, want %v", tag, got, want)
		}
	}
}

func TestABadConfigIsRefusedAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for u, want := range map[string]string{
		"":                                     "set it to",
		"id.example.com/jwks":                  "names no host",
		"http://id.example.com/jwks":           "must use https",
		"http://127.0.0.1.example.com/jwks":    "must use https",
		"http://10.0.0.1/jwks":                 "must use https",
		"ftp://id.example.com/jwks":            "must use https",
		"https:///jwks":                        "names no host",
		"https://user:secret@example.com/jwks": "remove it",
		"https://id.example.com/jwks#keys":     "has a fragment",
		"https://id.example.com/%zz":           "no URL",
	} {
		s, err := New(t.Context(), Config{URL: u})
		if s != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", u, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats the password: %v", u, err)
		}
	}
	for _, u := range []string{"https://id.example.com/jwks", "http://localhost:8080/jwks", "http://127.0.0.9/jwks", "http://[::1]:1/jwks"} {
		if err := (Config{URL: u}).check(); err != nil {
			t.Errorf("%q: %v", u, err)
		}
	}
	for least, good := range map[time.Duration]bool{
		0: true, LeastMinTTL: true, 30 * time.Second: true, MinTTL: true,
		-1: false, LeastMinTTL - 1: false, MinTTL + 1: false,
	} {
		err := (Config{URL: "https://id.example.com/jwks", MinTTL: least}).check()
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "choose 0 (which means 1m0s) or 1s to 1m0s") {
			t.Errorf("MinTTL %v: %v", least, err)
		}
	}
}
