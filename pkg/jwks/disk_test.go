package jwks

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// copied waits until the set wrote its copy, and returns the path.
func copied(t *testing.T, path string) {
	t.Helper()
	for ctx := within(t, time.Minute); ; {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("no copy was written")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestAServiceStartsWhileTheIssuerIsDown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t), "jwks.json")
	k := newKey(t, "a")
	i := newIssuer(documentOf(t, k), signetCaching)
	i.header.Set("ETag", etagOf(1))
	first, server := serve(t, i, func(c *Config) { c.CacheFile = path })
	if err := first.Ready(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	copied(t, path)
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	i.change(func(i *issuer) { i.status = http.StatusServiceUnavailable })
	log := &journal{}
	s, err := New(t.Context(), Config{URL: server.URL + "/jwks.json", CacheFile: path, Log: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	got, ok := s.Lookup("a")
	if !ok || !same(&got, &k) {
		t.Fatal("the key of the copy is not found at once")
	}
	if err := s.Ready(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
	if h := s.Health(); !h.OK() || !h.FromDisk || h.State != Fresh || h.UsableUntil.Sub(h.FreshUntil) != 24*time.Hour {
		t.Errorf("health %v", h)
	}
	if err := s.Refresh(within(t, time.Minute)); !errors.Is(err, ErrStatus) {
		t.Errorf("Refresh: %v", err)
	}
	if !containsAll(log.String(), "copy on disk", "cannot be renewed") {
		t.Errorf("log %s", log)
	}

	i.change(func(i *issuer) { i.status = http.StatusOK })
	if err := s.Refresh(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if h := s.Health(); h.FromDisk || h.Err != nil {
		t.Errorf("answered by the issuer: %v", h)
	}
}

// kept writes a copy through a set of its own and returns its path and what is in it.
func kept(t *testing.T, cacheControl string) (path string, c diskCopy) {
	t.Helper()
	path = filepath.Join(folder(t), "jwks.json")
	i := newIssuer(jwkSet(jwk(t, "a", nil)), cacheControl)
	i.header.Set("ETag", etagOf(1))
	still(t, i, func(c *Config) { c.CacheFile = path }, func(_ *testing.T, s *Set) { settled(s) })
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return path, c
}

// folder returns a folder for a copy. A set may be about to write to it when its test ends.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "jwks")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for end := time.Now().Add(time.Minute); os.RemoveAll(dir) != nil; {
			if time.Now().After(end) {
				t.Errorf("%s cannot be removed", dir)
				return
			}
		}
	})
	return dir
}

func store(t *testing.T, path string, c diskCopy) {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCopiesThatCannotBeTrustedAreIgnored(t *testing.T) {
	t.Parallel()
	change := func(f func(*diskCopy)) func(*testing.T, string, diskCopy) {
		return func(t *testing.T, path string, c diskCopy) {
			f(&c)
			store(t, path, c)
		}
	}
	tests := []struct {
		name string
		do   func(t *testing.T, path string, c diskCopy)
		want string // in the log; "" for a copy that is used
	}{
		{"untouched", func(*testing.T, string, diskCopy) {}, ""},
		{"written a moment ahead of the clock", change(func(c *diskCopy) { c.Asked = c.Asked.Add(maxAhead) }), ""},
		{"almost too old", change(func(c *diskCopy) { c.Asked = c.Asked.Add(-24*time.Hour - 5*time.Minute + time.Second) }), ""},
		{"too old", change(func(c *diskCopy) { c.Asked = c.Asked.Add(-24*time.Hour - 5*time.Minute) }), "too old"},
		{"ancient", change(func(c *diskCopy) { c.Asked = time.Time{} }), "too old"},
		{"from the future", change(func(c *diskCopy) { c.Asked = c.Asked.Add(maxAhead + time.Second) }), "in the future"},
		{"with a lifetime beyond all bounds", change(func(c *diskCopy) {
			c.MaxAge, c.StaleIfError, c.Asked = 1<<62, 1<<62, c.Asked.Add(-48*time.Hour)
		}), "too old"},
		{"with a negative lifetime", change(func(c *diskCopy) {
			c.MaxAge, c.StaleIfError, c.Asked = -1<<62, -1<<62, c.Asked.Add(-time.Minute)
		}), "too old"},
		{"for another URL", change(func(c *diskCopy) { c.URL = "https://evil.example/jwks" }), "evil.example"},
		{"of another format", change(func(c *diskCopy) { c.Version = 2 }), "version 2"},
		{"without a document", change(func(c *diskCopy) { c.Document = nil }), "malformed"},
		{"with a private key", change(func(c *diskCopy) {
			c.Document = []byte(strings.Replace(string(c.Document), `"kty"`, `"d":"AA","kty"`, 1))
		}), "private"},
		{"cut off", func(t *testing.T, path string, _ diskCopy) {
			if err := os.Truncate(path, 100); err != nil {
				t.Fatal(err)
			}
		}, "cannot be read"},
		{"empty", func(t *testing.T, path string, _ diskCopy) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}, "cannot be read"},
		{"huge", func(t *testing.T, path string, _ diskCopy) {
			if err := os.Truncate(path, maxCopySize+1); err != nil {
				t.Fatal(err)
			}
		}, "more than"},
		{"writable by others", func(t *testing.T, path string, _ diskCopy) {
			if err := os.Chmod(path, 0o620); err != nil {
				t.Fatal(err)
			}
		}, "set 0600"},
		{"a directory", func(t *testing.T, path string, _ diskCopy) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path, c := kept(t, signetCaching)
			tt.do(t, path, c)
			down := newIssuer("", "")
			down.down = errors.New("connection refused")
			log := &journal{}
			still(t, down, func(c *Config) { c.CacheFile, c.Log = path, log.logger() }, func(t *testing.T, s *Set) {
				h := settled(s)
				if h.OK() != (tt.want == "") || h.FromDisk != h.OK() {
					t.Errorf("health %v", h)
				}
				if tt.want != "" && !containsAll(log.String(), "is ignored", tt.want) {
					t.Errorf("log %s, want %q", log, tt.want)
				}
			})
			for _, r := range down.seen() {
				if tag := r.header.Get("If-None-Match"); tag != sendable(tag) {
					t.Errorf("sent %q", tag)
				}
			}
		})
	}
}

func TestACopyAgesWhileNobodyRuns(t *testing.T) {
	t.Parallel()
	path, c := kept(t, "max-age=300, stale-if-error=600")
	c.Asked = c.Asked.Add(-500 * time.Second)
	store(t, path, c)
	down := newIssuer("", "")
	down.down = errors.New("connection refused")
	still(t, down, func(c *Config) { c.CacheFile = path }, func(t *testing.T, s *Set) {
		if h := s.Health(); h.State != Stale || !h.FromDisk || !h.LoadedAt.Equal(c.Asked) {
			t.Errorf("health %v", h)
		}
		time.Sleep(400 * time.Second)
		if h := settled(s); h.State != Expired {
			t.Errorf("900 s after it was fetched: %v", h)
		}
	})
}

// Whoever could write to the file once must not be believed for ever.
func TestACopyThatWasTamperedWithDoesNotOutliveTheFirstAnswer(t *testing.T) {
	t.Parallel()
	path, c := kept(t, signetCaching)
	genuine := string(c.Document)
	c.Document = []byte(jwkSet(jwk(t, "evil", nil)))
	store(t, path, c)
	i := newIssuer(genuine, signetCaching)
	i.header.Set("ETag", etagOf(1)) // that of the copy, had it kept one
	still(t, i, func(c *Config) { c.CacheFile = path }, func(t *testing.T, s *Set) {
		if h := settled(s); h.FromDisk {
			t.Errorf("after an answer: %v", h)
		}
		if _, ok := s.Lookup("evil"); ok {
			t.Error("the key of the forger is accepted")
		}
		if _, ok := s.Lookup("a"); !ok {
			t.Error("the key of the issuer is not")
		}
		if first := i.seen()[0]; first.header.Get("If-None-Match") != "" || first.status != http.StatusOK {
			t.Errorf("the first request: %v, answered with %d", first.header, first.status)
		}
		time.Sleep(time.Hour)
		settled(s)
		if later := i.seen()[1]; later.status != http.StatusNotModified {
			t.Errorf("the second request was answered with %d", later.status)
		}
	})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var after diskCopy
	if err := json.Unmarshal(data, &after); err != nil {
		t.Fatal(err)
	}
	if !after.Asked.After(c.Asked.Add(50*time.Minute)) || string(after.Document) != genuine {
		t.Errorf("the copy is of %v, %s", after.Asked, after.Document)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestABadDocumentDoesNotReplaceTheCopy(t *testing.T) {
	t.Parallel()
	path, before := kept(t, signetCaching)
	i := newIssuer(`{"keys":[]}`, signetCaching)
	still(t, i, func(c *Config) { c.CacheFile = path }, func(t *testing.T, s *Set) {
		if h := settled(s); !h.FromDisk || !errors.Is(h.Err, ErrEmpty) {
			t.Errorf("health %v", h)
		}
	})
	data, _ := os.ReadFile(path)
	var after diskCopy
	if err := json.Unmarshal(data, &after); err != nil || string(after.Document) != string(before.Document) {
		t.Errorf("the copy is now %s (%v)", data, err)
	}
}

func TestACopyThatCannotBeWrittenIsLoggedAndNeverFatal(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"no such directory":       filepath.Join(t.TempDir(), "missing", "jwks.json"),
		"the directory is a file": filepath.Join(os.Args[0], "jwks.json"),
		"the path is a directory": t.TempDir(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &journal{}
			i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
			still(t, i, func(c *Config) { c.CacheFile, c.Log = path, log.logger() }, func(t *testing.T, s *Set) {
				if h := settled(s); h.State != Fresh {
					t.Errorf("health %v", h)
				}
				if _, err := s.Key(t.Context(), "a"); err != nil {
					t.Error(err)
				}
				if !containsAll(log.String(), "level=WARN", "cannot be copied to disk") {
					t.Errorf("log %s", log)
				}
			})
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) != 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

func TestManyProcessesShareOneCopy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t), "jwks.json")
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	c := Config{URL: server.URL + "/jwks.json", CacheFile: path}
	for range 8 {
		s, err := New(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := s.Refresh(within(t, time.Minute)); err != nil {
				t.Fatal(err)
			}
			if d, err := s.readCopy(); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a reader finds half a copy: %v, %v", d, err)
			}
		}
	}
}

// A disk that hangs must not keep the keys from being renewed.
func TestRenewalsDoNotWaitForTheDisk(t *testing.T) {
	t.Parallel()
	i := newIssuer(jwkSet(jwk(t, "a", nil)), signetCaching)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s, err := New(ctx, Config{URL: testURL, Client: clientOf(i)})
		if err != nil {
			t.Fatal(err)
		}
		settled(s)
		s.cfg.CacheFile = filepath.Join(t.TempDir(), "never written") // nobody takes what is to be saved
		for range 5 {
			if err := s.Refresh(ctx); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if len(s.saves) != 1 {
			t.Errorf("%d documents wait to be saved, want the latest", len(s.saves))
		}
	})
}

func FuzzCopy(f *testing.F) {
	good, err := json.Marshal(diskCopy{Version: copyVersion, URL: testURL, Asked: time.Unix(1e9, 0), MaxAge: 300, Document: []byte(jwkSet(jwk(f, "a", nil)))})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("{}"))
	path := filepath.Join(folder(f), "jwks.json")
	s := &Set{cfg: Config{URL: testURL, CacheFile: path}, now: func() time.Time { return time.Unix(1e9, 0) }}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := s.readCopy()
		if (d == nil) != (err != nil) {
			t.Fatalf("document %v, error %v", d, err)
		}
		if d != nil && (d.usable > MaxTTL+MaxStaleIfError || !d.good(s.now()) || d.asked.After(s.now())) {
			t.Errorf("usable for %v from %v", d.usable, d.asked)
		}
	})
}
