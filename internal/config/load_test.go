package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/config"
)

const masterKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// valid is the least environment that signet serve accepts.
func valid(more ...string) []string {
	return append([]string{
		"SIGNET_ISSUER=https://id.example.com",
		"DATABASE_URL=postgres://signet:hunter2@db:5432/signet",
		"SIGNET_KEYS_MASTER=" + masterKey,
	}, more...)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, yaml string, environ ...string) config.Config {
	t.Helper()
	src := config.Source{Environ: environ}
	if yaml != "" {
		src.File = write(t, "signet.yaml", yaml)
	}
	c, err := config.Load(src, config.Serve)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaultsFillWhatIsNotSet(t *testing.T) {
	t.Parallel()
	c := load(t, "", valid()...)
	if c.Server.Listen != ":8080" || c.Ops.Listen != "127.0.0.1:9090" || c.Tokens.AccessTTL != time.Hour ||
		c.Password.MinLength != 15 || c.Database.AutoMigrate || c.Limits.MaxBodyBytes != 65536 {
		t.Errorf("defaults: %+v", c)
	}
}

func TestEnvironmentWinsOverFileAndFileOverDefaults(t *testing.T) {
	t.Parallel()
	c := load(t, "tokens:\n  access_ttl: 10m\n  id_ttl: 20m\n", valid("SIGNET_TOKENS_ID_TTL=30m")...)
	if c.Tokens.AccessTTL != 10*time.Minute || c.Tokens.IDTTL != 30*time.Minute {
		t.Errorf("access %s, id %s", c.Tokens.AccessTTL, c.Tokens.IDTTL)
	}
}

func TestAnExplicitZeroInTheFileIsNotReplacedByTheDefault(t *testing.T) {
	t.Parallel()
	c := load(t, "tokens: {refresh_retry_window: 0s}\nbrand: {name: Acme}\n", valid()...)
	if c.Tokens.RefreshRetryWindow != 0 || c.Brand.Name != "Acme" {
		t.Errorf("window %s, name %s", c.Tokens.RefreshRetryWindow, c.Brand.Name)
	}
}

func TestListsComeFromSequencesAndCommas(t *testing.T) {
	t.Parallel()
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("2001:db8::/32")}
	for name, c := range map[string]config.Config{
		"sequence":    load(t, "server:\n  trusted_proxies: [10.1.2.3/8, 127.0.0.1, '2001:db8::/32']\n", valid()...),
		"text":        load(t, "server: {trusted_proxies: '10.0.0.0/8, 127.0.0.1,2001:db8::/32'}\n", valid()...),
		"environment": load(t, "", valid("SIGNET_SERVER_TRUSTED_PROXIES=10.0.0.0/8, 127.0.0.1, 2001:db8::/32,")...),
	} {
		if !reflect.DeepEqual(c.Server.TrustedProxies, want) {
			t.Errorf("%s: %v", name, c.Server.TrustedProxies)
		}
	}
}

func TestSecretsComeFromFilesWithoutTheirTrailingNewline(t *testing.T) {
	t.Parallel()
	url := "postgres://signet:p%20w@db/signet"
	file := write(t, "url", url+"\r\n")
	keys := write(t, "keys", masterKey+"\n\n"+strings.ToLower(strings.Repeat("0F", 31))+"00\n")
	environ := []string{"SIGNET_ISSUER=https://id.example.com", "SIGNET_KEYS_MASTER=" + masterKey}
	for name, c := range map[string]config.Config{
		"file in YAML":             load(t, "database: {url_file: "+file+"}\nkeys: {master_previous_file: "+keys+"}\n", environ...),
		"file in the environment":  load(t, "database: {url: postgres://loses/x}\nkeys: {master_previous_file: "+keys+"}\n", append(environ, "SIGNET_DATABASE_URL_FILE="+file)...),
		"file of the conventional": load(t, "database: {url_file: /nowhere}\nkeys: {master_previous_file: "+keys+"}\n", append(environ, "DATABASE_URL_FILE="+file)...),
		"our name over the conventional one": load(t, "keys: {master_previous_file: "+keys+"}\n",
			append(environ, "DATABASE_URL=postgres://loses/x", "SIGNET_DATABASE_URL="+url)...),
	} {
		if got := c.Database.URL.Reveal(); got != url {
			t.Errorf("%s: %q", name, got)
		}
		if len(c.Keys.MasterPrevious) != 2 || c.Keys.MasterPrevious[0].Reveal() != masterKey {
			t.Errorf("%s: %d previous keys", name, len(c.Keys.MasterPrevious))
		}
	}
}

func TestEmptyValuesCountAsUnset(t *testing.T) {
	t.Parallel()
	c := load(t, "log: {level: ''}\ntokens:\nbrand: ~\n", valid("SIGNET_LOG_FORMAT=", "SIGNET_SERVER_LISTEN=  ")...)
	if c.Log.Format != "json" || c.Server.Listen != ":8080" {
		t.Errorf("format %q, listen %q", c.Log.Format, c.Server.Listen)
	}
}

func TestVariablesThatKubernetesInjectsAreNotRefused(t *testing.T) {
	t.Parallel()
	load(t, "", valid("SIGNET_SERVICE_HOST=10.0.0.1", "SIGNET_SERVICE_PORT_HTTP=80", "SIGNET_PORT=tcp://10.0.0.1:80",
		"SIGNET_OPS_PORT_9090_TCP_ADDR=10.0.0.1", "SIGNET_CONFIG=elsewhere.yaml")...)
}

func TestMigrateNeedsTheDatabaseAlone(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.Source{Environ: []string{"DATABASE_URL=postgres:///signet?host=/run/pg"}}, config.Migrate)
	if err != nil {
		t.Error(err)
	}
	_, err = config.Load(config.Source{}, config.Migrate)
	if f := config.Faults(err); len(f) != 1 || f[0].Path != "database.url" {
		t.Errorf("faults: %v", f)
	}
}

func TestAnEffectiveConfigurationReadsBackAndHoldsNoSecret(t *testing.T) {
	t.Parallel()
	c := load(t, "server: {trusted_proxies: [10.0.0.0/8, '::1'], shutdown_grace: 1m30s}\nlog: {level: warn}\nkeys: {master_previous: ["+masterKey+"]}\nbrand: {name: 'Acme: the \"best\" #1'}\n", valid()...)
	var b strings.Builder
	if err := c.WriteEffective(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, leak := range []string{"hunter2", masterKey} {
		if strings.Contains(text, leak) {
			t.Errorf("%s leaks in\n%s", leak, text)
		}
	}
	if n := strings.Count(text, "[redacted]"); n != 3 {
		t.Errorf("%d redacted secrets in\n%s", n, text)
	}
	// Without the secrets it is a file that yields the same configuration.
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "[redacted]") {
			lines = append(lines, line)
		}
	}
	again := load(t, strings.Join(lines, ""), valid("SIGNET_KEYS_MASTER_PREVIOUS="+masterKey)...)
	if !reflect.DeepEqual(c, again) {
		t.Errorf("read back: %+v\nwant %+v", again, c)
	}
}

func TestTheDocumentedTableIsUpToDate(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := config.WriteDocs(&b); err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Error("docs/configuration.md is out of date; run: go generate ./internal/config")
	}
}

func TestNothingPrivateMayBeReachedUnlessItIsNamed(t *testing.T) {
	t.Parallel()
	if c := load(t, "", valid()...); len(c.Outbound.Allow) != 0 {
		t.Errorf("allowed by default: %v", c.Outbound.Allow)
	}
	c := load(t, "", valid("SIGNET_OUTBOUND_ALLOW=10.20.0.0/16,127.0.0.1")...)
	want := []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("127.0.0.1/32")}
	if !reflect.DeepEqual(c.Outbound.Allow, want) {
		t.Errorf("%v", c.Outbound.Allow)
	}
}
