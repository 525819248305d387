package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/cli"
)

func TestTheSecretOfAConnectorIsAskedForAndNotShown(t *testing.T) {
	t.Parallel()
	var body map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&body)
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = w.Write([]byte(`{"reference":"google","issuer":"https://one.example","secret_set":true}`))
	}))
	t.Cleanup(server.Close)
	run := func(typed string, args ...string) (string, error) {
		var out bytes.Buffer
		c := &cli.CLI{
			Environ: []string{cli.EnvURL + "=" + server.URL, cli.EnvToken + "=token"}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
			Interactive: true, Hidden: func() (string, error) { return typed, nil }, Now: time.Now,
		}
		root := &cobra.Command{Use: "signet", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(c.Commands()...)
		root.SetArgs(append([]string{"connector"}, args...))
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	create := []string{"create", "google", "--client-id", "1234", "--no-test"}
	out, err := run(" a-secret \n", create...)
	if err != nil || body["client_secret"] != "a-secret" || body["kind"] != "google" {
		t.Errorf("sent %v: %v\n%s", body, err, out)
	}
	if !strings.HasPrefix(out, "Client secret (it is not shown): ") || strings.Contains(out, "a-secret") {
		t.Errorf("shown: %s", out)
	}
	if out, err := run("", create...); err == nil || !strings.Contains(err.Error(), "--public") {
		t.Errorf("nothing typed: %v\n%s", err, out)
	}
	// One that is stored is not sent to another issuer.
	body = nil
	if out, err := run("another", "update", "google", "--issuer", "https://two.example"); err != nil || body["client_secret"] != "another" {
		t.Errorf("sent %v: %v\n%s", body, err, out)
	}
	body = nil
	if out, err := run("another", "update", "google", "--issuer", "https://one.example"); err != nil || body["client_secret"] != nil {
		t.Errorf("sent %v: %v\n%s", body, err, out)
	}
}
