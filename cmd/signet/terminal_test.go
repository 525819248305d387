package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/cli"
)

func TestWhatAServerSaysOfAnErrorDoesNotReachTheTerminalAsAnOrder(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_client","error_description":"no \u001b]0;owned\u0007 \u202eevil"}`))
	}))
	t.Cleanup(server.Close)
	var out bytes.Buffer
	environ := []string{cli.EnvURL + "=" + server.URL, cli.EnvClientID + "=robot", cli.EnvClientSecret + "=secret"}
	if code := run(t.Context(), []string{"tenant", "list"}, environ, &out, &out); code != 1 {
		t.Errorf("exit status %d", code)
	}
	if got := out.String(); strings.ContainsAny(got, "\x1b\x07\u202e") || !strings.Contains(got, "evil") || !strings.HasSuffix(got, "\n") {
		t.Errorf("%q", got)
	}
}
