package config_test

import (
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/config"
)

func TestFaultsNameTheSettingAndTheFix(t *testing.T) {
	t.Parallel()
	const pastedPassword = "hunter2"
	for _, c := range []struct {
		name    string
		yaml    string
		environ []string
		want    string // in one fault
	}{
		{"unknown key", "tokens:\n  acess_ttl: 1h\n", nil, `unknown key "tokens.acess_ttl": did you mean tokens.access_ttl? [line 2 of signet.yaml]`},
		{"unknown section", "wibble: {a: 1}\n", nil, `unknown key "wibble": remove it (docs/configuration.md lists every setting) [line 1 of signet.yaml]`},
		{"merge key", "log: {<<: {level: info}}\n", nil, `unknown key "log.<<"`},
		{"twice", "issuer: https://a.example\nissuer: https://b.example\n", nil, "issuer is set twice, first on line 1: remove one [line 2 of signet.yaml]"},
		{"section of text", "log: loud\n", nil, "expected keys and values here"},
		{"list for a value", "log: {level: [info]}\n", nil, "log.level takes a single value [line 1"},
		{"mapping in a list", "server: {trusted_proxies: [{a: b}]}\n", nil, "server.trusted_proxies takes a list of single values"},
		{"mapping for a list", "server: {trusted_proxies: {a: b}}\n", nil, "server.trusted_proxies takes a list"},
		{"no YAML", "log: [\n", nil, "is not YAML"},
		{"tab", "log:\n\tlevel: info\n", nil, "is not YAML"},
		{"two documents", "log: {level: info}\n---\nlog: {level: warn}\n", nil, "more than one YAML document"},
		{"a list at the top", "- issuer\n", nil, "expected keys and values"},
		{"unknown variable", "", []string{"SIGNET_SERVER_TRUSTED_PROXIS=10.0.0.1"}, "unknown environment variable SIGNET_SERVER_TRUSTED_PROXIS: did you mean SIGNET_SERVER_TRUSTED_PROXIES?"},
		{"variable of a section", "", []string{"SIGNET_SERVER=x"}, "unknown environment variable SIGNET_SERVER"},

		{"duration without unit", "tokens: {access_ttl: 3600}\n", nil, `tokens.access_ttl (SIGNET_TOKENS_ACCESS_TTL): "3600" is not a duration: write a number with its unit, such as 90s, 15m or 24h [line 1 of signet.yaml]`},
		{"no number", "", []string{"SIGNET_DATABASE_MAX_CONNS=many"}, `database.max_conns (SIGNET_DATABASE_MAX_CONNS): "many" is not a whole number [environment variable SIGNET_DATABASE_MAX_CONNS]`},
		{"number with rest", "", []string{"SIGNET_LIMITS_MAX_BODY_BYTES=64k"}, `"64k" is not a whole number`},
		{"no bool", "database: {auto_migrate: yes please}\n", nil, `"yes please" is neither true nor false`},
		{"no level", "log: {level: loud}\n", nil, `log.level (SIGNET_LOG_LEVEL): "loud" is no level: write debug, info, warn or error`},
		{"no format", "log: {format: xml}\n", nil, `"xml" is no format: write json or text`},
		{"no network", "", []string{"SIGNET_SERVER_TRUSTED_PROXIES=10.0.0.1,proxy"}, `"proxy" is neither an IP address nor a CIDR block`},
		{"everybody trusted", "", []string{"SIGNET_SERVER_TRUSTED_PROXIES=0.0.0.0/0"}, "trusts every address"},
		{"everybody trusted over IPv6", "", []string{"SIGNET_SERVER_TRUSTED_PROXIES=10.0.0.1,::/0"}, "::/0 trusts every address"},

		{"an algorithm that is none of ours", "", []string{"SIGNET_KEYS_ALGORITHMS=RS256,HS256"}, `keys.algorithms (SIGNET_KEYS_ALGORITHMS): "HS256" is no algorithm to sign with: choose among ES256, RS256 and EdDSA`},
		{"an algorithm in small letters", "keys: {algorithms: [es256, RS256]}\n", nil, `"es256" is no algorithm`},
		{"no RS256", "", []string{"SIGNET_KEYS_ALGORITHMS=EdDSA,ES256"}, "keys.algorithms (SIGNET_KEYS_ALGORITHMS): RS256 is missing, which every application may rely on (OpenID Connect Core §15.1)"},
		{"an algorithm twice", "keys: {algorithms: [RS256, ES256, RS256]}\n", nil, "keys.algorithms (SIGNET_KEYS_ALGORITHMS): RS256 is there twice"},
		{"a signer lag that no replica keeps", "", []string{"SIGNET_KEYS_SIGNER_LAG=100ms"}, "keys.signer_lag (SIGNET_KEYS_SIGNER_LAG): 100ms is shorter than replicas need: write at least 200ms"},
		{"no time to propagate", "keys: {propagation: 0s}\n", nil, "keys.propagation (SIGNET_KEYS_PROPAGATION): 0s is shorter than replicas need: write at least 200ms"},

		{"no issuer", "", []string{"SIGNET_ISSUER="}, "issuer (SIGNET_ISSUER): required"},
		{"relative issuer", "", []string{"SIGNET_ISSUER=id.example.com"}, `"id.example.com" is not an absolute URL`},
		{"issuer without host", "", []string{"SIGNET_ISSUER=https://:443"}, "is not an absolute URL"},
		{"http issuer", "", []string{"SIGNET_ISSUER=http://id.example.com"}, "http is allowed on a loopback host only: write https://id.example.com"},
		{"http issuer that only looks local", "", []string{"SIGNET_ISSUER=http://localhost.example.com"}, "http is allowed on a loopback host only"},
		{"issuer of another scheme", "", []string{"SIGNET_ISSUER=ftp://id.example.com"}, `the scheme is "ftp": write https`},
		{"issuer with slash", "", []string{"SIGNET_ISSUER=https://id.example.com/"}, "must not end in a slash, because clients compare it byte for byte: write https://id.example.com ["},
		{"issuer with path", "", []string{"SIGNET_ISSUER=https://example.com/auth"}, "must have no path"},
		{"issuer with query", "", []string{"SIGNET_ISSUER=https://id.example.com?a=b"}, "must have no query and no fragment"},
		{"issuer with empty query", "", []string{"SIGNET_ISSUER=https://id.example.com?"}, "must have no query and no fragment"},
		{"issuer with empty fragment", "", []string{"SIGNET_ISSUER=https://id.example.com#"}, "must have no query and no fragment"},
		{"issuer with user", "", []string{"SIGNET_ISSUER=https://me:" + pastedPassword + "@id.example.com"}, "must not hold a user name or password"},
		{"issuer in capitals", "", []string{"SIGNET_ISSUER=https://ID.example.com"}, "is not in normal form, and clients compare it byte for byte: write https://id.example.com"},
		{"scheme in capitals", "", []string{"SIGNET_ISSUER=HTTPS://id.example.com"}, "is not in normal form"},

		{"no database", "", []string{"DATABASE_URL="}, "database.url (SIGNET_DATABASE_URL): required: set DATABASE_URL"},
		{"database URL of nothing", "", []string{"DATABASE_URL=mysql://root:" + pastedPassword + "@db/x"}, "database.url (SIGNET_DATABASE_URL): is not a PostgreSQL connection URL"},
		{"database port of text", "", []string{"DATABASE_URL=postgres://u:" + pastedPassword + "@db:port/x"}, "is not a PostgreSQL connection URL"},
		{"database with wrong sslmode", "", []string{"DATABASE_URL=postgres://u:" + pastedPassword + "@db/x?sslmode=perhaps"}, "is not a PostgreSQL connection URL"},
		{"secret twice", "database: {url: postgres://a/b, url_file: /x}\n", []string{"DATABASE_URL="}, "database.url (SIGNET_DATABASE_URL): set it or database.url_file, not both"},
		{"secret file missing", "", []string{"DATABASE_URL=", "DATABASE_URL_FILE=/nowhere/url"}, "cannot read the file that database.url_file (SIGNET_DATABASE_URL_FILE) names: open /nowhere/url: no such file or directory"},
		{"few connections", "database: {max_conns: 1}\n", nil, "1 is out of range: write a value from 2 to 1000"},

		{"no master key", "", []string{"SIGNET_KEYS_MASTER="}, "keys.master (SIGNET_KEYS_MASTER): required: make one with: openssl rand -base64 32"},
		{"short master key", "", []string{"SIGNET_KEYS_MASTER=aHVudGVyMg=="}, "keys.master (SIGNET_KEYS_MASTER): master key: it decodes to 7 bytes and needs 32; make one with: openssl rand -base64 32 ["},
		{"master key of text", "", []string{"SIGNET_KEYS_MASTER=" + pastedPassword + " and more"}, "keys.master (SIGNET_KEYS_MASTER): master key:"},
		{"bad former key", "", []string{"SIGNET_KEYS_MASTER_PREVIOUS=" + masterKey + "," + pastedPassword}, "keys.master_previous (SIGNET_KEYS_MASTER_PREVIOUS): number 2: master key:"},

		{"no port", "", []string{"SIGNET_SERVER_LISTEN=localhost"}, `server.listen (SIGNET_SERVER_LISTEN): "localhost" is not host:port`},
		{"large port", "", []string{"SIGNET_OPS_LISTEN=:70000"}, `ops.listen (SIGNET_OPS_LISTEN): ":70000" is not host:port`},
		{"one port for both", "", []string{"SIGNET_OPS_LISTEN=:8080"}, "is the same as server.listen"},
		{"PIN alone", "", []string{"SIGNET_KEYS_PKCS11_PIN=" + pastedPassword}, "keys.pkcs11_module (SIGNET_KEYS_PKCS11_MODULE): keys.pkcs11_module, keys.pkcs11_token and keys.pkcs11_pin are set together"},
		{"module without token", "", []string{"SIGNET_KEYS_PKCS11_MODULE=/x.so", "SIGNET_KEYS_PKCS11_PIN=" + pastedPassword}, "keys.pkcs11_token (SIGNET_KEYS_PKCS11_TOKEN): keys.pkcs11_module, "},
		{"module without PIN", "", []string{"SIGNET_KEYS_PKCS11_MODULE=/x.so", "SIGNET_KEYS_PKCS11_TOKEN=signet"}, "keys.pkcs11_pin (SIGNET_KEYS_PKCS11_PIN): keys.pkcs11_module, "},
		{"module wherever it is found", "", []string{"SIGNET_KEYS_PKCS11_MODULE=libsofthsm2.so", "SIGNET_KEYS_PKCS11_TOKEN=signet", "SIGNET_KEYS_PKCS11_PIN=" + pastedPassword}, "\"libsofthsm2.so\" is no absolute path"},
		{"endless token label", "", []string{"SIGNET_KEYS_PKCS11_TOKEN=" + strings.Repeat("x", 33)}, "labels of tokens have at most 32 bytes"},
		{"certificate alone", "", []string{"SIGNET_SERVER_TLS_CERT_FILE=/x"}, "server.tls_key_file (SIGNET_SERVER_TLS_KEY_FILE): required with server.tls_cert_file"},
		{"key alone", "", []string{"SIGNET_SERVER_TLS_KEY_FILE=/x"}, "server.tls_cert_file (SIGNET_SERVER_TLS_CERT_FILE): required with server.tls_key_file"},
		{"certificate missing", "", []string{"SIGNET_SERVER_TLS_CERT_FILE=/nowhere/c", "SIGNET_SERVER_TLS_KEY_FILE=/nowhere/k"}, "cannot read the file: open /nowhere/k"},
		{"no such header", "", []string{"SIGNET_SERVER_FORWARDED_HEADER=x-real-ip"}, `"x-real-ip" is no kind of header`},
		{"no grace", "", []string{"SIGNET_SERVER_SHUTDOWN_GRACE=0s"}, "0s is out of range: write a value from 1s to 10m"},

		{"long access token", "", []string{"SIGNET_TOKENS_ACCESS_TTL=25h"}, "25h is out of range: write a value from 1m to 24h"},
		{"long code", "", []string{"SIGNET_TOKENS_CODE_TTL=61s"}, "1m1s is out of range: write a value from 5s to 1m"},
		{"idle over absolute", "", []string{"SIGNET_TOKENS_REFRESH_ABSOLUTE_TTL=1h"}, "tokens.refresh_absolute_ttl (SIGNET_TOKENS_REFRESH_ABSOLUTE_TTL): 1h is out of range: write a value from 336h"},
		{"negative window", "", []string{"SIGNET_TOKENS_REFRESH_RETRY_WINDOW=-1s"}, "-1s is out of range"},
		{"session idle over absolute", "", []string{"SIGNET_SESSIONS_IDLE_TTL=1000h"}, "sessions.absolute_ttl (SIGNET_SESSIONS_ABSOLUTE_TTL): 336h is out of range: write a value from 1000h"},
		{"short passwords", "", []string{"SIGNET_PASSWORDS_MIN_LENGTH=8"}, "8 is out of range: write a value from 15 to 64"},
		{"missing blocklist", "", []string{"SIGNET_PASSWORDS_BLOCKLIST_FILE=/nowhere/b"}, "passwords.blocklist_file (SIGNET_PASSWORDS_BLOCKLIST_FILE): cannot read the file"},
		{"cheap hash", "", []string{"SIGNET_PASSWORDS_ARGON2_MEMORY_KIB=1024"}, "1024 is out of range: write a value from 19456"},
		{"one pass over little memory", "", []string{"SIGNET_PASSWORDS_ARGON2_TIME=1"}, "1 is out of range: write a value from 2 to"},
		{"no attempts", "", []string{"SIGNET_THROTTLE_ACCOUNT_ATTEMPTS=0"}, "0 is out of range"},
		{"tiny bodies", "", []string{"SIGNET_LIMITS_MAX_BODY_BYTES=10"}, "10 is out of range"},
		{"endless brand", "", []string{"SIGNET_BRAND_NAME=" + strings.Repeat("x", 81)}, "brand.name (SIGNET_BRAND_NAME): write a name of 1 to 80 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := config.Source{Environ: replace(valid(), c.environ)}
			if c.yaml != "" {
				src.File = write(t, "signet.yaml", c.yaml)
			}
			_, err := config.Load(src, config.Serve)
			found := false
			for _, f := range config.Faults(err) {
				found = found || strings.Contains(f.Error(), c.want)
			}
			if !found {
				t.Errorf("faults %v\nwant one with %s", config.Faults(err), c.want)
			}
			if err != nil && (strings.Contains(err.Error(), pastedPassword) || strings.Contains(err.Error(), masterKey)) {
				t.Errorf("a secret leaks: %v", err)
			}
		})
	}
}

// replace sets variables in environ, taking the place of those of the same name.
func replace(environ, with []string) []string {
	var out []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		keep := true
		for _, w := range with {
			keep = keep && !strings.HasPrefix(w, name+"=")
		}
		if keep {
			out = append(out, kv)
		}
	}
	return append(out, with...)
}

func TestAllFaultsAreReportedAtOnceAndEachOnce(t *testing.T) {
	t.Parallel()
	src := config.Source{
		File:    write(t, "signet.yaml", "isuer: x\ntokens: {access_ttl: soon, code_ttl: 2m}\nlog: {level: loud, format: xml}\n"),
		Environ: []string{"SIGNET_DATABASE_MAX_CONNS=x", "SIGNET_WIBBLE=1"},
	}
	_, err := config.Load(src, config.Serve)
	paths := map[string]int{}
	for _, f := range config.Faults(err) {
		paths[f.Path]++
	}
	want := map[string]int{"": 2, "tokens.access_ttl": 1, "tokens.code_ttl": 1, "log.level": 1, "log.format": 1,
		"database.max_conns": 1, "issuer": 1, "database.url": 1, "keys.master": 1}
	for path, n := range want {
		if paths[path] != n {
			t.Errorf("%q: %d faults, want %d", path, paths[path], n)
		}
	}
	if len(paths) != len(want) {
		t.Errorf("faults of %v", paths)
	}
}

func TestIssuersThatAreFine(t *testing.T) {
	t.Parallel()
	for _, issuer := range []string{
		"https://id.example.com", "https://id.example.com:8443",
		"http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080", "http://id.localhost",
	} {
		_, err := config.Load(config.Source{Environ: replace(valid(), []string{"SIGNET_ISSUER=" + issuer})}, config.Serve)
		if err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}
