//go:build pkcs11

package hsm_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/app"
	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

// service is the resource server whose tokens are signed with alg.
func service(alg keys.Algorithm) string {
	return "https://" + strings.ToLower(string(alg)) + ".example"
}

// start runs an application that signs with all algorithms.
func start(t *testing.T, dsn string, opts ...apptest.Option) *apptest.App {
	t.Helper()
	var in installation.Installation
	var audiences []string
	secrets := []client.Secret{{Hash: apptest.Secret.Hash()}}
	for _, alg := range algorithms() {
		audiences = append(audiences, service(alg))
		in.ResourceServers = append(in.ResourceServers, installation.ResourceServer{Audience: service(alg), Name: string(alg), SigningAlgorithm: alg})
		in.Clients = append(in.Clients, installation.Client{Client: client.Client{
			ID: client.ID("api-" + alg), Name: "API", AuthMethod: client.AuthBasic, ServesAudience: service(alg), Secrets: secrets,
		}})
	}
	in.Clients = append(in.Clients, installation.Client{Client: client.Client{
		ID: "worker", Name: "Worker", AuthMethod: client.AuthBasic, GrantTypes: []string{client.GrantClientCredentials}, Audiences: audiences, Secrets: secrets,
	}})
	return apptest.Start(t, append([]apptest.Option{
		apptest.WithDatabase(dsn), apptest.WithInstallation(in), apptest.With("SIGNET_KEYS_ALGORITHMS", "ES256,RS256,EdDSA"),
	}, opts...)...)
}

// hurried has keys rotate every two seconds.
func hurried() (all []apptest.Option) {
	for name, value := range map[string]string{
		"KEYS_PERIOD": "2s", "KEYS_LEAD": "1500ms", "KEYS_FLOOR": "0s", "KEYS_REMOVAL": "62s",
		"KEYS_JWKS_MAX_AGE": "1s", "KEYS_JWKS_STALE_WHILE_REVALIDATE": "0s", "KEYS_JWKS_STALE_IF_ERROR": "0s",
		"KEYS_PROPAGATION": "200ms", "KEYS_REFETCH": "100ms", "KEYS_SIGNER_LAG": "200ms", "KEYS_LEEWAY": "100ms",
		"TOKENS_ACCESS_TTL": "60s", "TOKENS_ID_TTL": "60s",
	} {
		all = append(all, apptest.With("SIGNET_"+name, value))
	}
	return all
}

// at lets an application take the place of one that was stopped.
func at(a *apptest.App) []apptest.Option {
	return []apptest.Option{apptest.With("SIGNET_ISSUER", a.URL), apptest.With("SIGNET_SERVER_LISTEN", strings.TrimPrefix(a.URL, "http://"))}
}

func inHSM(t *testing.T, label string) []apptest.Option {
	return []apptest.Option{apptest.With("SIGNET_KEYS_PKCS11_MODULE", module(t)),
		apptest.With("SIGNET_KEYS_PKCS11_TOKEN", label), apptest.With("SIGNET_KEYS_PKCS11_PIN", pin)}
}

func issue(t *testing.T, a *apptest.App, alg keys.Algorithm) apptest.Answer {
	t.Helper()
	return a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}, "resource": {service(alg)}}, apptest.Basic("worker"))
}

// verified issues a token, verifies it with what the JWKS shows, and returns it with its kid.
func verified(t *testing.T, a *apptest.App, alg keys.Algorithm) (token, kid string) {
	t.Helper()
	out := issue(t, a, alg)
	if out.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", alg, out.Status, out.Raw)
	}
	token = out.Text("access_token")
	checkPublished(t, a, token)
	header := apptest.Header(t, token)
	if header["alg"] != string(alg) {
		t.Errorf("signed with %v, want %s", header["alg"], alg)
	}
	kid, _ = header["kid"].(string)
	return token, kid
}

func checkPublished(t *testing.T, a *apptest.App, token string) {
	t.Helper()
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal([]byte(a.Get(t, "/.well-known/jwks.json").Raw), &set); err != nil {
		t.Fatal(err)
	}
	_, _, err := keys.Verify(token, func(kid string) (keys.Key, bool) {
		for _, jwk := range set.Keys {
			if k, err := keys.ParseJWK(jwk); err == nil && k.ID == kid {
				return k, true
			}
		}
		return keys.Key{}, false
	}, "at+jwt")
	if err != nil {
		t.Errorf("a token that the JWKS does not verify: %v", err)
	}
}

func active(t *testing.T, a *apptest.App, alg keys.Algorithm, token string) bool {
	t.Helper()
	out := a.PostForm(t, "/introspect", url.Values{"token": {token}}, apptest.Basic("api-"+string(alg)))
	return out.JSON["active"] == true
}

// custodians returns who keeps each stored key, and when it is in the HSM what is stored of it,
// opened with the master key.
func custodians(t *testing.T, a *apptest.App) (kept map[string]string, opened map[string][]byte) {
	t.Helper()
	kept, opened = map[string]string{}, map[string][]byte{}
	m, err := envelope.ParseMaster(secret.New(apptest.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := a.DB.Keys().Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range stored.Keys {
		kept[row.KID] = row.Custodian
		if opened[row.KID], err = envelope.New(m).Open(row.Sealed, row.Identity()); err != nil {
			t.Fatal(err)
		}
	}
	return kept, opened
}

func TestAnInstallationMovesItsKeysIntoAnHSMAndNobodyNotices(t *testing.T) {
	t.Parallel()
	dsn, label := pgtest.New(t), newToken(t)
	local := start(t, dsn, hurried()...)
	before := map[keys.Algorithm]string{}
	for _, alg := range algorithms() {
		before[alg], _ = verified(t, local, alg)
	}
	local.Stop(t)

	a := start(t, dsn, slices.Concat(hurried(), at(local), inHSM(t, label))...)
	rotated := map[keys.Algorithm][]string{} // kids in the HSM that signed
	deadline := time.Now().Add(90 * time.Second)
	for slices.ContainsFunc(algorithms(), func(alg keys.Algorithm) bool { return len(rotated[alg]) < 2 }) {
		if time.Now().After(deadline) {
			t.Fatalf("keys of the HSM that signed: %v", rotated)
		}
		for _, alg := range algorithms() {
			token, kid := verified(t, a, alg)
			kept, _ := custodians(t, a)
			if kept[kid] == "pkcs11" && !slices.Contains(rotated[alg], kid) {
				rotated[alg] = append(rotated[alg], kid)
				if !active(t, a, alg, token) {
					t.Errorf("%s: introspection refuses what was signed in the HSM", alg)
				}
			}
		}
	}
	for _, alg := range algorithms() {
		if exp := apptest.Claims(t, before[alg])["exp"].(float64); time.Now().Before(time.Unix(int64(exp), 0)) {
			checkPublished(t, a, before[alg])
		}
	}

	// What is stored of a key in the HSM signs nothing, not even for those who have the master key.
	kept, opened := custodians(t, a)
	inside := 0
	for kid, name := range kept {
		der, isLocal := opened[kid], name == ""
		if _, err := x509.ParsePKCS8PrivateKey(der); (err == nil) != isLocal {
			t.Errorf("key %s is kept by %q, and stored is a private key: %v", kid, name, err == nil)
		}
		if !isLocal {
			inside++
		}
		if strings.Contains(string(der), pin) {
			t.Errorf("key %s is stored with the PIN", kid)
		}
	}
	if inside < 6 {
		t.Errorf("%d keys are in the HSM", inside)
	}
	if strings.Contains(a.Log.String(), pin) {
		t.Error("the log holds the PIN")
	}
	a.Stop(t)

	again := start(t, dsn, slices.Concat(hurried(), at(local), inHSM(t, label))...)
	for _, alg := range algorithms() {
		_, kid := verified(t, again, alg)
		if kept, _ := custodians(t, again); kept[kid] != "pkcs11" {
			t.Errorf("%s: after a restart %s signs, which is kept by %q", alg, kid, kept[kid])
		}
	}
}

// It takes the token from the whole process, so it does not run in parallel. No key rotates meanwhile:
// nobody may be in the module when it is finalized.
func TestWithoutTheHSMNothingIsSignedAndEverythingVerified(t *testing.T) {
	dir := filepath.Dir(os.Getenv("SOFTHSM2_CONF"))
	others := directories(t, dir)
	label := newToken(t)
	token := slices.DeleteFunc(directories(t, dir), func(name string) bool { return slices.Contains(others, name) })[0]
	a := start(t, pgtest.New(t), inHSM(t, label)...)
	signed := map[keys.Algorithm]string{}
	for _, alg := range algorithms() {
		signed[alg], _ = verified(t, a, alg)
	}
	pocket := filepath.Join(t.TempDir(), "token")
	lose(t, func() error { return os.Rename(filepath.Join(dir, token), pocket) })
	lose(t, officer(t).Finalize)
	for _, alg := range algorithms() {
		if out := issue(t, a, alg); out.Status != http.StatusServiceUnavailable || strings.Contains(out.Raw, label) {
			t.Errorf("%s: %d %s", alg, out.Status, out.Raw)
		}
		checkPublished(t, a, signed[alg])
		if !active(t, a, alg, signed[alg]) {
			t.Errorf("%s: introspection refuses a good token", alg)
		}
	}
	lose(t, func() error { return os.Rename(pocket, filepath.Join(dir, token)) })
	for _, alg := range algorithms() {
		deadline := time.Now().Add(30 * time.Second)
		for issue(t, a, alg).Status != http.StatusOK {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not signed again", alg)
			}
			time.Sleep(50 * time.Millisecond)
		}
		verified(t, a, alg)
	}
}

func TestWrongSettingsEndTheStart(t *testing.T) {
	t.Parallel()
	label := newToken(t)
	for setting, c := range map[string]struct{ value, want string }{
		"SIGNET_KEYS_PKCS11_PIN":    {"0000-wrong-pin", "keys.pkcs11_pin: the token"},
		"SIGNET_KEYS_PKCS11_TOKEN":  {"elsewhere", "keys.pkcs11_token: no token is labelled"},
		"SIGNET_KEYS_PKCS11_MODULE": {"/nowhere/lib.so", "keys.pkcs11_module: stat /nowhere/lib.so"},
	} {
		environ := map[string]string{
			"SIGNET_ISSUER": "http://127.0.0.1:1", "SIGNET_KEYS_MASTER": apptest.MasterKey, "DATABASE_URL": "postgres://127.0.0.1:1/none",
			"SIGNET_KEYS_PKCS11_MODULE": module(t), "SIGNET_KEYS_PKCS11_TOKEN": label, "SIGNET_KEYS_PKCS11_PIN": pin,
		}
		environ[setting] = c.value
		var list []string
		for name, value := range environ {
			list = append(list, name+"="+value)
		}
		settings, err := config.Load(config.Source{Environ: list}, config.Serve)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err = app.Run(ctx, app.Options{Config: settings, Log: slog.New(slog.DiscardHandler), Now: time.Now})
		cancel()
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "0000-wrong-pin") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}
