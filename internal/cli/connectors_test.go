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
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"reference":"google","secret_set":true}`))
	}))
	t.Cleanup(server.Close)
	run := func(typed string) (string, error) {
		var out bytes.Buffer
		c := &cli.CLI{
			Environ: []string{cli.EnvURL + "=" + server.URL, cli.EnvToken + "=token"}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
			Interactive: true, Hidden: func() (string, error) { return typed, nil }, Now: time.Now,
		}
		root := &cobra.Command{Use: "signet", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(c.Commands()...)
		root.SetArgs([]string{"connector", "create", "google", "--client-id", "1234", "--no-test"})
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	out, err := run(" a-secret \n")
	if err != nil || body["client_secret"] != "a-secret" || body["kind"] != "google" {
		t.Errorf("sent %v: %v\n%s", body, err, out)
	}
	if !strings.HasPrefix(out, "Client secret (it is not shown): ") || strings.Contains(out, "a-secret") {
		t.Errorf("shown: %s", out)
	}
	if out, err := run(""); err == nil || !strings.Contains(err.Error(), "--public") {
		t.Errorf("nothing typed: %v\n%s", err, out)
	}
}
