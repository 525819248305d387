package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthcheckExitsAsTheServiceFeels(t *testing.T) {
	t.Parallel()
	status := func(code int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/healthz" {
				code = http.StatusNotFound
			}
			w.WriteHeader(code)
			fmt.Fprint(w, "as told")
		}))
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	well := status(http.StatusOK)
	_, wellPort, err := net.SplitHostPort(well)
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		name, listen string
		code         int
		says         string
	}{
		{"a service that is well", well, 0, ""},
		{"a listener on every address is asked on this machine", ":" + wellPort, 0, ""},
		{"a listener on every IPv4 address", "0.0.0.0:" + wellPort, 0, ""},
		{"a service that is not well", status(http.StatusServiceUnavailable), 1, `503 Service Unavailable: "as told"`},
		{"no service", nobody, 1, "is signet serve running"},
		{"a port that cannot be known", "127.0.0.1:0", 1, "give it a fixed port"},
		{"an address that is none", "nowhere", 1, "ops.listen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), []string{"healthcheck"}, []string{"SIGNET_OPS_LISTEN=" + c.listen}, &stdout, &stderr)
			if code != c.code || stdout.Len() > 0 || !strings.Contains(stderr.String(), c.says) || (c.says == "") != (stderr.Len() == 0) {
				t.Errorf("exit status %d, stdout %q, stderr %q; want %d and %q", code, &stdout, &stderr, c.code, c.says)
			}
		})
	}
}
