// Package config reads the operator's settings: one typed struct, filled from a YAML file
// and the environment (the environment wins), checked as a whole.
//
// It owns names, defaults, documentation and validity of every setting; what a setting does
// belongs to the package that uses it. A setting is one struct field: the key tags give its
// path in the file ("database.max_conns") and from that its environment variable
// (SIGNET_DATABASE_MAX_CONNS), default its default, doc its line in docs/configuration.md.
// Every secret can also be read from a file named by its path with _file appended.
//
// Read next: load.go for the layers, validate.go for the rules.
package config

import (
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

// Config is every setting of `signet serve`. Obtain it from Load: the zero value has no
// defaults and is not valid.
type Config struct {
	Issuer   string    `key:"issuer" example:"https://id.example.com" doc:"The issuer: the URL under which the world reaches this service, byte for byte the iss of every token. https, or http on a loopback host for development; no path, query or fragment. Required."`
	Brand    Brand     `key:"-" section:"brand" doc:"What people read on the hosted pages."`
	Server   Server    `key:"-" section:"server" doc:"The public listener."`
	Ops      Ops       `key:"-" section:"ops" doc:"The operators' listener: /healthz, /readyz, /metrics. Never expose it to the internet."`
	Database Database  `key:"-" section:"database" doc:"PostgreSQL, the only required service."`
	Keys     Keys      `key:"-" section:"keys" doc:"The keys that sign tokens, and the master key, under which they are encrypted at rest."`
	Log      Log       `key:"-" section:"log" doc:"The structured log on standard error."`
	Tokens   Tokens    `key:"-" section:"tokens" doc:"Lifetimes of what the issuer hands out."`
	Sessions Sessions  `key:"-" section:"sessions" doc:"Browser sign-in sessions."`
	Password Passwords `key:"-" section:"passwords" doc:"Rules for new passwords and the cost of hashing them."`
	Throttle Throttle  `key:"-" section:"throttle" doc:"Budgets for failed sign-ins and for invitations."`
	Mail     Mail      `key:"-" section:"mail" doc:"The mail server, over which invitations, confirmations of addresses and links to reset a password go out. Without host nothing is sent, and these features say that they are off."`
	Links    Links     `key:"-" section:"links" doc:"Lifetimes of the links that messages carry. Each works once."`
	Outbound Outbound  `key:"-" section:"outbound" doc:"What this server connects to on behalf of others: the identity providers that connectors name. Private, loopback and link-local addresses are refused."`
	Google   Google    `key:"-" section:"google" doc:"Sign-in through Google, declared here for the whole installation. What else there is to say of a connector, and connectors of tenants, are declared with signet apply or the API."`
	GitHub   GitHub    `key:"-" section:"github" doc:"Sign-in through GitHub, or a GitHub Enterprise."`
	OIDC     OIDC      `key:"-" section:"oidc" doc:"Sign-in through any OpenID Provider: Keycloak, authentik, Entra ID, another Signet."`
	Limits   Limits    `key:"-" section:"limits" doc:"What one request may cost."`
	Cleanup  Cleanup   `key:"-" section:"cleanup" doc:"Deletion of expired rows."`
}

// Brand is what people read on the hosted pages.
type Brand struct {
	Name string `key:"name" default:"Signet" doc:"The product name on the hosted pages."`
}

// Server is the public listener.
type Server struct {
	Listen          string         `key:"listen" default:":8080" doc:"Address of the public listener, host:port. Port 0 picks a free one."`
	TLSCertFile     string         `key:"tls_cert_file" example:"/etc/signet/tls.crt" doc:"Certificate chain, PEM. With tls_key_file it turns TLS on; both are read again when they change."`
	TLSKeyFile      string         `key:"tls_key_file" example:"/etc/signet/tls.key" doc:"Private key of the certificate, PEM."`
	TrustedProxies  []netip.Prefix `key:"trusted_proxies" example:"10.0.0.0/8,127.0.0.1" doc:"Addresses or CIDR blocks of the proxies in front. Forwarded headers and X-Request-Id are believed from these peers only."`
	ForwardedHeader string         `key:"forwarded_header" default:"x-forwarded" doc:"Which headers those proxies set: x-forwarded (X-Forwarded-For, X-Forwarded-Proto) or forwarded (RFC 7239). The other kind is ignored, because a proxy that does not set it passes a caller's own through."`
	ShutdownDelay   time.Duration  `key:"shutdown_delay" default:"0s" doc:"How long to go on serving after readiness turned to failing, so that load balancers notice before connections are refused."`
	ShutdownGrace   time.Duration  `key:"shutdown_grace" default:"30s" doc:"How long requests in flight may take to finish at shutdown."`
}

// Ops is the operators' listener.
type Ops struct {
	Listen string `key:"listen" default:"127.0.0.1:9090" doc:"Address of the operators' listener, host:port."`
}

// Database is the connection to PostgreSQL.
type Database struct {
	URL         secret.Text `key:"url" alias:"DATABASE_URL" example:"postgres://signet:password@db:5432/signet" doc:"PostgreSQL connection URL. Required."`
	MaxConns    int         `key:"max_conns" default:"10" doc:"Largest number of connections this replica opens."`
	AutoMigrate bool        `key:"auto_migrate" default:"false" doc:"Apply pending migrations at start-up. Safe with several replicas; otherwise run signet migrate before an upgrade."`
}

// Keys is what signs, the master key with its predecessors, and where private keys are kept.
type Keys struct {
	Algorithms     []keys.Algorithm `key:"algorithms" default:"ES256,RS256" doc:"What tokens are signed with: ES256, RS256 and EdDSA (Ed25519). The first is the default; clients can choose another one for their ID tokens, and resource servers for their access tokens. RS256 has to be among them: there are applications that know nothing else (OpenID Connect Core §15.1). An algorithm that is added signs once its keys have been published for the lead, at once in a new installation; one that is left out goes on for those who chose it."`
	Master         secret.Text      `key:"master" example:"(openssl rand -base64 32)" doc:"The master key: 32 random bytes in base64 or hexadecimal. Required. Keep a copy apart from the database's backups."`
	MasterPrevious []secret.Text    `key:"master_previous" doc:"Former master keys, still accepted to open what they sealed. In a file: one per line."`

	Period               time.Duration `key:"period" default:"720h" doc:"A key signs for this long, then the next one takes over. At least keys.lead."`
	Lead                 time.Duration `key:"lead" default:"48h" doc:"A key is published for at least this long before it signs, so that everybody who verifies tokens holds it by then. The least that is safe follows from the settings below, and a shorter one is refused: propagation + (caches − 1) × (kept + refetch) + the greater of kept and keys.floor + refetch + signer_lag, where kept is max-age + stale-while-revalidate + stale-if-error."`
	Removal              time.Duration `key:"removal" default:"0s" doc:"A key stays published for this long after the next one took over. At least signer_lag + the longest lifetime of a token + leeway. 0s: an hour more than that lifetime."`
	MaxAge               time.Duration `key:"jwks_max_age" default:"5m" doc:"For how long caches may keep the published keys without asking (Cache-Control: max-age)."`
	StaleWhileRevalidate time.Duration `key:"jwks_stale_while_revalidate" default:"1m" doc:"For how much longer they may use them while they ask."`
	StaleIfError         time.Duration `key:"jwks_stale_if_error" default:"24h" doc:"For how much longer they may use them while this server does not answer."`
	Propagation          time.Duration `key:"propagation" default:"1m" doc:"Time within which every replica publishes a new key; replicas ask the database in half of the lesser of this and keys.signer_lag."`
	Refetch              time.Duration `key:"refetch" default:"30s" doc:"Time that those who verify tokens need to fetch the keys, one retry included."`
	SignerLag            time.Duration `key:"signer_lag" default:"30s" doc:"Time within which every replica signs with the key that took over."`
	Leeway               time.Duration `key:"leeway" default:"1m" doc:"How far clocks are apart, and for how long expired tokens are accepted elsewhere."`
	Floor                time.Duration `key:"floor" default:"24h" doc:"For how long services that ignore caching headers keep the published keys."`
	Caches               int           `key:"caches" default:"1" doc:"One, for the verifier itself, plus the caches in front of this server that drop the Age header."`

	PKCS11Module string      `key:"pkcs11_module" example:"/usr/lib/softhsm/libsofthsm2.so" doc:"Absolute path of a PKCS#11 module, through which new signing keys are made and used in an HSM. Needs a binary built with -tags pkcs11. Empty: private keys are in the database, encrypted."`
	PKCS11Token  string      `key:"pkcs11_token" example:"signet" doc:"Label of the token that holds the keys. Required with keys.pkcs11_module."`
	PKCS11PIN    secret.Text `key:"pkcs11_pin" doc:"The token's user PIN. Required with keys.pkcs11_module."`
}

// Log is the structured log.
type Log struct {
	Level  slog.Level `key:"level" default:"info" doc:"Least severe level that is written: debug, info, warn or error."`
	Format string     `key:"format" default:"json" doc:"json, or text for people."`
}

// Tokens is the lifetime of each kind of token.
type Tokens struct {
	AccessTTL          time.Duration `key:"access_ttl" default:"1h" doc:"Lifetime of access tokens; at most 24h."`
	IDTTL              time.Duration `key:"id_ttl" default:"1h" doc:"Lifetime of ID tokens; at most 24h."`
	CodeTTL            time.Duration `key:"code_ttl" default:"60s" doc:"Lifetime of authorization codes; at most 60s."`
	RefreshIdleTTL     time.Duration `key:"refresh_idle_ttl" default:"336h" doc:"A refresh token unused for this long expires."`
	RefreshAbsoluteTTL time.Duration `key:"refresh_absolute_ttl" default:"2160h" doc:"A family of refresh tokens ends this long after the sign-in, however often it is used."`
	RefreshRetryWindow time.Duration `key:"refresh_retry_window" default:"60s" doc:"For this long after a rotation the spent refresh token still yields its successor, so that a lost response or a second tab signs nobody out. 0s: every reuse revokes the family. At most 10m."`
}

// Sessions is the lifetime of browser sessions.
type Sessions struct {
	IdleTTL     time.Duration `key:"idle_ttl" default:"24h" doc:"A browser session unused for this long ends."`
	AbsoluteTTL time.Duration `key:"absolute_ttl" default:"336h" doc:"A browser session ends this long after the sign-in."`
}

// Passwords is the rules for new passwords and the cost of hashing.
type Passwords struct {
	MinLength         int    `key:"min_length" default:"15" doc:"Fewest characters of a password that is the only factor; 15 to 64 (NIST SP 800-63B-4)."`
	BlocklistFile     string `key:"blocklist_file" example:"/etc/signet/blocklist.txt" doc:"Further passwords to refuse, one per line; added to the built-in list."`
	Argon2MemoryKiB   int    `key:"argon2_memory_kib" default:"19456" doc:"Memory of one argon2id hash in KiB; at least 19456 (OWASP's floor)."`
	Argon2Time        int    `key:"argon2_time" default:"2" doc:"Passes of argon2id over that memory; at least 2, or 1 with 47104 KiB or more."`
	Argon2Parallelism int    `key:"argon2_parallelism" default:"1" doc:"Lanes of argon2id; 1 to 16."`
	MaxConcurrent     int    `key:"max_concurrent" default:"0" doc:"Hashes computed at once; more wait in a short queue. 0: twice the number of processors."`
}

// Throttle is the budgets for failed sign-ins and for what others have sent.
type Throttle struct {
	AccountAttempts   int           `key:"account_attempts" default:"5" doc:"Failed sign-ins for one account before pauses begin: 30 s after this many, doubling up to 15 min, and a day after 100. A success, or 30 quiet days, forgets them. A browser that signed in to the account before has a budget of its own, so nobody can be locked out by others."`
	FailureTime       time.Duration `key:"failure_time" default:"400ms" doc:"How long a failed sign-in takes at least, so that its time does not tell whether the account exists. Keep it above what verifying one of your imported password hashes takes; at most 5s."`
	AddressAttempts   int           `key:"address_attempts" default:"100" doc:"Failed sign-ins from one address (IPv4) or /64 (IPv6) within address_window before pauses begin."`
	AddressWindow     time.Duration `key:"address_window" default:"15m" doc:"Time after which an address's failures are forgotten."`
	TenantInvitations int           `key:"tenant_invitations" default:"200" doc:"Invitations that the administrators of one tenant may have sent in a day, those sent again included; after that one an hour. Five go to one address, then pauses begin: 10 min, doubling up to a day."`
}

// Links is the lifetime of each kind of mailed link.
type Links struct {
	InvitationTTL   time.Duration `key:"invitation_ttl" default:"168h" doc:"An invitation that nobody accepted within this time expires; it can be sent again. At most 720h."`
	VerificationTTL time.Duration `key:"verification_ttl" default:"24h" doc:"Lifetime of a link that verifies an e-mail address; at most 168h."`
	ResetTTL        time.Duration `key:"reset_ttl" default:"1h" doc:"Lifetime of a link that resets a password; 10m to 24h."`
}

// Outbound is what the server connects to on behalf of others.
type Outbound struct {
	Allow []netip.Prefix `key:"allow" example:"10.20.0.0/16,127.0.0.1" doc:"Addresses or CIDR blocks that connectors may reach although they are not public, such as those of a provider in your own network. Whoever may declare a connector, administrators of tenants included, can then have this server send requests there: name as little as possible."`
}

// Limits is what one request may cost.
type Limits struct {
	MaxBodyBytes   int64         `key:"max_body_bytes" default:"65536" doc:"Largest request body in bytes."`
	MaxHeaderBytes int           `key:"max_header_bytes" default:"32768" doc:"Largest request line and headers together in bytes."`
	RequestTimeout time.Duration `key:"request_timeout" default:"15s" doc:"Time a request may take, reading the body included. Streams are exempt."`
}

// Cleanup is the deletion of expired rows.
type Cleanup struct {
	Interval time.Duration `key:"interval" default:"5m" doc:"Pause between two rounds that delete expired rows, and that look at domains which are due."`
}

// IssuerURL returns the issuer parsed. Load has checked that it parses.
func (c Config) IssuerURL() *url.URL {
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return &url.URL{}
	}
	return u
}

// TLS reports whether the public listener speaks TLS itself.
func (c Config) TLS() bool { return c.Server.TLSCertFile != "" }
