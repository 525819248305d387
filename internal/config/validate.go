package config

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/keys"
)

// day bounds the lifetime of tokens that nothing can recall by itself.
const day = 24 * time.Hour

// validate applies the rules of every setting. A rule never speaks about a setting that
// already has a fault.
func validate(c Config, purpose Purpose, f *faults) {
	validateIssuer(c.Issuer, purpose, f)
	f.require("brand.name", strings.TrimSpace(c.Brand.Name) != "" && len(c.Brand.Name) <= 80,
		"write a name of 1 to 80 bytes")
	validateListeners(c, f)
	validateDatabase(c.Database, purpose, f)
	validateKeys(c.Keys, purpose, f)
	f.require("log.format", c.Log.Format == "json" || c.Log.Format == "text",
		"%q is no format: write json or text", c.Log.Format)
	validateLifetimes(c.Tokens, c.Sessions, f)
	validateSchedule(c, f)
	validateLinks(c.Links, f)
	validatePasswords(c.Password, f)
	validateBudgets(c, f)
	validateMail(c.Mail, f)
	validateConnectors(c, f)
}

func validateIssuer(issuer string, purpose Purpose, f *faults) {
	if issuer == "" {
		f.require("issuer", purpose != Serve, "required: set it to the public URL of this service, such as https://id.example.com")
		return
	}
	const path = "issuer"
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		f.add(path, "%q is not an absolute URL: write one such as https://id.example.com", redactURL(issuer))
	case u.User != nil:
		f.add(path, "must not hold a user name or password: remove the part before @")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(issuer, "#"):
		f.add(path, "must have no query and no fragment (RFC 8414 §2): remove everything from the ? or # on")
	case strings.HasSuffix(u.Path, "/"):
		f.add(path, "must not end in a slash, because clients compare it byte for byte: write %s", strings.TrimRight(issuer, "/"))
	case u.Path != "":
		// The hosted pages and the well-known documents are served, and lead on, from the root.
		f.add(path, "must have no path: give the service a host of its own and write %s://%s", u.Scheme, u.Host)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		f.add(path, "http is allowed on a loopback host only: write https://%s", u.Host+u.Path)
	case u.Scheme != "https" && u.Scheme != "http":
		f.add(path, "the scheme is %q: write https", u.Scheme)
	case u.String() != issuer || u.Host != strings.ToLower(u.Host):
		f.add(path, "is not in normal form, and clients compare it byte for byte: write %s", normalURL(*u))
	}
}

func normalURL(u url.URL) string {
	u.Host = strings.ToLower(u.Host)
	return u.String()
}

// redactURL keeps a password that was pasted into the wrong setting out of the log.
func redactURL(s string) string {
	if strings.Contains(s, "@") {
		return "…"
	}
	return s
}

// loopback reports whether host is this machine by name or address (RFC 8252 §7.3, RFC 6761 §6.3).
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func validateListeners(c Config, f *faults) {
	const shape = "%q is not host:port: write an address such as :8080 or 127.0.0.1:9090"
	f.require("server.listen", validAddress(c.Server.Listen), shape, c.Server.Listen)
	f.require("ops.listen", validAddress(c.Ops.Listen), shape, c.Ops.Listen)
	_, port, _ := net.SplitHostPort(c.Server.Listen)
	f.require("ops.listen", c.Ops.Listen != c.Server.Listen || port == "0",
		"is the same as server.listen: give the operators' listener a port of its own")
	switch cert, key := c.Server.TLSCertFile, c.Server.TLSKeyFile; {
	case cert != "" && key == "":
		f.add("server.tls_key_file", "required with server.tls_cert_file: name the private key's file")
	case cert == "" && key != "":
		f.add("server.tls_cert_file", "required with server.tls_key_file: name the certificate's file")
	default:
		readable("server.tls_cert_file", cert, f)
		readable("server.tls_key_file", key, f)
	}
	f.require("server.forwarded_header", c.Server.ForwardedHeader == "x-forwarded" || c.Server.ForwardedHeader == "forwarded",
		"%q is no kind of header: write x-forwarded or forwarded", c.Server.ForwardedHeader)
	for _, p := range c.Server.TrustedProxies {
		f.require("server.trusted_proxies", p.Bits() > 0,
			"%s trusts every address, so that anybody could forge where a request comes from: name the proxies' own addresses", p)
	}
	between(f, "server.shutdown_delay", c.Server.ShutdownDelay, 0, 5*time.Minute)
	between(f, "server.shutdown_grace", c.Server.ShutdownGrace, time.Second, 10*time.Minute)
}

func validAddress(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 0 && n <= 65535
}

func readable(path, name string, f *faults) {
	if name == "" {
		return
	}
	file, err := os.Open(name)
	if err != nil {
		f.add(path, "cannot read the file: %v", err)
		return
	}
	_ = file.Close() // opened for reading only: nothing can be lost
}

func validateDatabase(d Database, purpose Purpose, f *faults) {
	if d.URL.Empty() {
		f.require("database.url", purpose == Check,
			"required: set DATABASE_URL, %s or database.url_file to a URL such as postgres://signet:password@db:5432/signet", envName("database.url"))
	} else if _, err := pgconn.ParseConfig(d.URL.Reveal()); err != nil {
		// The parser's own text may quote the URL, and so the password.
		f.add("database.url", "is not a PostgreSQL connection URL: write one such as postgres://user:password@host:5432/name, special characters in the password percent-encoded")
	}
	between(f, "database.max_conns", d.MaxConns, 2, 1000)
}

func validateKeys(k Keys, purpose Purpose, f *faults) {
	validateAlgorithms(k.Algorithms, f)
	if k.Master.Empty() {
		f.require("keys.master", purpose != Serve,
			"required: make one with: openssl rand -base64 32; then set %s or keys.master_file", envName("keys.master"))
	} else if _, err := envelope.ParseMaster(k.Master); err != nil {
		f.add("keys.master", "%s", withoutKind(err))
	}
	for i, t := range k.MasterPrevious {
		if _, err := envelope.ParseMaster(t); err != nil {
			f.add("keys.master_previous", "number %d: %s", i+1, withoutKind(err))
		}
	}
	validatePKCS11(k, f)
}

func validatePKCS11(k Keys, f *faults) {
	if k.PKCS11Module == "" && k.PKCS11Token == "" && k.PKCS11PIN.Empty() {
		return
	}
	const together = "keys.pkcs11_module, keys.pkcs11_token and keys.pkcs11_pin are set together or not at all: "
	f.require("keys.pkcs11_module", k.PKCS11Module != "", together+"name the PKCS#11 module's file")
	f.require("keys.pkcs11_token", k.PKCS11Token != "", together+"write the label of the token")
	f.require("keys.pkcs11_pin", !k.PKCS11PIN.Empty(), together+"set %s or keys.pkcs11_pin_file", envName("keys.pkcs11_pin"))
	// A bare name would be looked for wherever the loader looks, and what is found gets the PIN.
	f.require("keys.pkcs11_module", k.PKCS11Module == "" || filepath.IsAbs(k.PKCS11Module),
		"%q is no absolute path: write one such as /usr/lib/softhsm/libsofthsm2.so", k.PKCS11Module)
	const longest = 32 // CK_TOKEN_INFO (PKCS #11 v3.1 §3.2)
	f.require("keys.pkcs11_token", len(k.PKCS11Token) <= longest, "labels of tokens have at most %d bytes", longest)
}

func validateAlgorithms(algorithms []keys.Algorithm, f *faults) {
	const path = "keys.algorithms"
	for i, alg := range algorithms {
		f.require(path, !slices.Contains(algorithms[:i], alg), "%s is there twice: write it once", alg)
	}
	f.require(path, slices.Contains(algorithms, keys.RS256),
		"RS256 is missing, which every application may rely on (OpenID Connect Core §15.1): add it, after the one that shall be the default")
}

// withoutKind drops the kind that wraps a message made for people.
func withoutKind(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+errdefs.ErrInvalid.Error())
}

func validateLifetimes(t Tokens, s Sessions, f *faults) {
	between(f, "tokens.access_ttl", t.AccessTTL, time.Minute, day)
	between(f, "tokens.id_ttl", t.IDTTL, time.Minute, day)
	between(f, "tokens.code_ttl", t.CodeTTL, 5*time.Second, time.Minute)
	between(f, "tokens.refresh_idle_ttl", t.RefreshIdleTTL, time.Minute, 3650*day)
	between(f, "tokens.refresh_absolute_ttl", t.RefreshAbsoluteTTL, t.RefreshIdleTTL, 3650*day)
	between(f, "tokens.refresh_retry_window", t.RefreshRetryWindow, 0, 10*time.Minute)
	between(f, "sessions.idle_ttl", s.IdleTTL, time.Minute, 3650*day)
	between(f, "sessions.absolute_ttl", s.AbsoluteTTL, s.IdleTTL, 3650*day)
}

func validateLinks(l Links, f *faults) {
	between(f, "links.invitation_ttl", l.InvitationTTL, time.Hour, 720*time.Hour)
	between(f, "links.verification_ttl", l.VerificationTTL, 10*time.Minute, 168*time.Hour)
	between(f, "links.reset_ttl", l.ResetTTL, 10*time.Minute, 24*time.Hour)
}

func validatePasswords(p Passwords, f *faults) {
	between(f, "passwords.min_length", p.MinLength, 15, 64)
	readable("passwords.blocklist_file", p.BlocklistFile, f)
	// The bounds are those of package password, named here after the settings.
	between(f, "passwords.argon2_memory_kib", p.Argon2MemoryKiB, 19456, 256<<10)
	lowest := 2
	if p.Argon2MemoryKiB >= 47104 {
		lowest = 1
	}
	between(f, "passwords.argon2_time", p.Argon2Time, lowest, (1<<20)/max(p.Argon2MemoryKiB, 19456))
	between(f, "passwords.argon2_parallelism", p.Argon2Parallelism, 1, 16)
	between(f, "passwords.max_concurrent", p.MaxConcurrent, 0, 1024)
}

func validateBudgets(c Config, f *faults) {
	between(f, "throttle.account_attempts", c.Throttle.AccountAttempts, 1, 1000)
	between(f, "throttle.address_attempts", c.Throttle.AddressAttempts, 1, 1_000_000)
	between(f, "throttle.failure_time", c.Throttle.FailureTime, 0, 5*time.Second)
	between(f, "throttle.address_window", c.Throttle.AddressWindow, time.Second, day)
	between(f, "throttle.tenant_invitations", c.Throttle.TenantInvitations, 1, 1_000_000)
	between(f, "limits.max_body_bytes", c.Limits.MaxBodyBytes, 4096, 64<<20)
	between(f, "limits.max_header_bytes", c.Limits.MaxHeaderBytes, 4096, 1<<20)
	between(f, "limits.request_timeout", c.Limits.RequestTimeout, time.Second, 5*time.Minute)
	between(f, "cleanup.interval", c.Cleanup.Interval, time.Second, day)
}

func between[T int | int64 | time.Duration](f *faults, path string, v, low, high T) {
	f.require(path, low <= v && v <= high, "%s is out of range: write a value from %s to %s", format(v), format(low), format(high))
}
