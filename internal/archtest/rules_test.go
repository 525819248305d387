package archtest

// inner is the rules of the product and what they stand on. They know neither HTTP nor SQL,
// read no clock, and import only one another and keys.
const inner = "internal/errdefs internal/secret internal/id internal/replica " +
	"internal/directory internal/client internal/session internal/grant internal/authorization " +
	"internal/revocation internal/audit internal/ratelimit internal/password internal/installation " +
	"internal/envelope internal/keyring internal/admin internal/claims internal/invitation internal/maillink " +
	"internal/mail internal/importer internal/connector internal/holder"

// outer is the packages that put the others together; nothing points at them but they and tests.
const outer = "cmd/... internal/app internal/dev internal/apptest test/..."

// arrows says for each of our packages which others it may import; what is not named is
// refused, and so is a package without a line. Lists are separated by blanks; /... stands for
// a package and all below it. Tests are free.
var arrows = []struct{ of, may string }{
	{of: inner, may: inner + " keys"},
	// Public: what other people's services import must not drag ours along.
	{of: "keys", may: ""},
	{of: "pkg/...", may: "pkg/... keys"},
	// Adapters point inward: they implement interfaces that their callers own.
	{of: "migrations", may: ""},
	{of: "internal/postgres", may: inner + " keys migrations internal/postgres/sqlcgen"},
	{of: "internal/postgres/sqlcgen", may: ""},
	{of: "internal/filelock", may: ""},
	{of: "internal/embeddedpg", may: "internal/errdefs internal/filelock"},
	{of: "internal/postgres/pgtest", may: "internal/embeddedpg internal/errdefs migrations"},
	// The way to other providers: discovery, tokens and keys of theirs.
	{of: "internal/outbound", may: "internal/errdefs"},
	{of: "internal/upstream", may: inner + " keys pkg/jwks internal/outbound"},
	// Surfaces: protocol and pages do not know each other, nor what serves and stores them.
	{of: "internal/formdata", may: "internal/errdefs"},
	{of: "internal/issuer", may: inner + " keys internal/formdata"},
	{of: "internal/adminapi", may: inner + " keys"},
	{of: "internal/adminapi/clientgen", may: ""},
	{of: "internal/adminapi/gen", may: "internal/adminapi internal/adminapi/clientgen"},
	{of: "internal/interaction", may: inner + " internal/formdata internal/ui"},
	{of: "internal/ui", may: "internal/errdefs"},
	{of: "internal/server", may: "internal/config internal/telemetry internal/errdefs"},
	// The administrator's side: it knows the server by its API alone.
	{of: "internal/cli", may: "internal/cli/login internal/cli/importjob internal/importer internal/manifest internal/errdefs internal/secret pkg/adminclient"},
	{of: "internal/cli/importjob", may: inner + " pkg/adminclient"},
	{of: "internal/cli/login", may: "internal/errdefs internal/filelock internal/secret"},
	{of: "internal/manifest", may: "internal/errdefs internal/secret pkg/adminclient"},
	// Keys in hardware, under a build tag.
	{of: "internal/hsm", may: "internal/errdefs internal/keyring internal/secret keys"},
	// The way out: messages to a mail server, and a mail server for development and tests.
	{of: "internal/postman", may: "internal/mail internal/audit internal/envelope internal/errdefs internal/secret"},
	{of: "internal/mailcatcher", may: ""},
	// The operator's side.
	{of: "internal/config", may: "internal/connector internal/envelope internal/errdefs internal/secret keys"},
	{of: "internal/telemetry", may: "internal/errdefs"},
	// The demo applications are what a stranger would write: nothing of ours but pkg.
	{of: "internal/demo/...", may: "internal/demo/... pkg/..."},
	{of: "internal/archtest", may: ""},
	{of: outer, may: "..."},
}

// reserved says which packages alone may import a dependency, and why. Tests count where the
// line says so.
var reserved = []struct {
	dependency, only, why string
	tests                 bool
}{
	{fosite + "/...", "", "it is frozen, and the issuer is our own (docs/decisions/0015)", true},
	{"net/http/...", "internal/adminapi internal/cli/... internal/formdata internal/issuer internal/interaction internal/ui internal/server internal/telemetry internal/mailcatcher internal/outbound internal/upstream internal/demo/... pkg/... " + outer,
		"rules and stores do not know HTTP", false},
	{"github.com/danielgtaylor/huma/...", "internal/adminapi/...", "one package speaks the administration's HTTP", true},
	{"html/template", "internal/ui internal/mail internal/mailcatcher internal/demo/...", "one package renders pages, and one letters; the mail catcher is for development", false},
	{"database/sql/...", "internal/postgres/...", "SQL lives in internal/postgres", false},
	{"github.com/pressly/goose/...", "internal/postgres/...", "SQL lives in internal/postgres", false},
	{"github.com/jackc/pgx/v5/pgconn", "internal/postgres/... internal/embeddedpg internal/config internal/dev", "SQL lives in internal/postgres; config checks URLs, dev explains why a server does not answer", false},
	{"github.com/jackc/...", "internal/postgres/... internal/embeddedpg", "SQL lives in internal/postgres", false},
	{module + "/internal/postgres/sqlcgen", "internal/postgres", "generated statements are called by one package", true},
	{module + "/internal/postgres/pgtest", "internal/apptest test/...", "databases for tests stay out of the binary", false},
	{module + "/internal/apptest", "test/...", "the program under test stays out of the binary", false},
	{module + "/test/...", "test/...", "what drives tests stays out of the binary", false},
	{"testing/...", "internal/postgres/pgtest internal/apptest test/... pkg/signettest", "test code stays out of the binary", false},
	{"github.com/chromedp/...", "test/...", "browsers are for tests, which drive them through test/browsertest", true},
	{"os/exec", "internal/embeddedpg internal/dev internal/cli test/...", "the one child process is PostgreSQL; signet login opens a browser", false},
	{"unsafe", "", "not here; a test may make the reading of a clock that somebody set", false},
	{"math/rand/...", "", "what is random here is secret until proven otherwise", false},
	{"github.com/wneessen/go-mail/...", "internal/postman", "one package talks to mail servers", true},
	{"github.com/emersion/...", "internal/mailcatcher", "the mail server for development", true},
	{"github.com/miekg/pkcs11/...", "internal/hsm", "one package speaks with C, under a build tag: the rest is a static binary", true},
	{"C", "", "the binary is static; what needs C is behind internal/hsm", true},
	{"net/smtp", "", "goes out to an address; add a package that guards it first", false},
	{"net/rpc/...", "", "goes out to an address; add a package that guards it first", false},
}

// outbound names what opens connections, by import path. A fetch of a URL that somebody else
// wrote must refuse private addresses when it dials and bound size and time (RFC 8725 §3.10),
// so only packages that were looked at may use these.
var outbound = map[string][]string{
	"net/http": {"Client", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm", "Transport"},
	"net":      {"Dial", "DialIP", "DialTCP", "DialTimeout", "DialUDP", "DialUnix", "Dialer"},
	"crypto/tls": {
		"Dial", "DialWithDialer", "Dialer",
	},
	"net/http/httputil": {"NewSingleHostReverseProxy", "ReverseProxy"},
	// These fetch with whatever client the context holds.
	"github.com/coreos/go-oidc/v3/oidc": {"NewProvider", "NewRemoteKeySet"},
	"golang.org/x/oauth2":               {"Config", "NewClient"},
	"github.com/wneessen/go-mail":       {"NewClient", "QuickSend"},
}

// mayDial lists those packages and what they connect to. Tests are free.
var mayDial = []struct{ of, why string }{
	{"internal/outbound", "the one client for addresses that others wrote; it refuses private ones when it dials"},
	{"internal/upstream", "speaks with providers through the client of internal/outbound alone"},
	{"internal/demo/...", "the demo applications call the issuer they were configured with"},
	{"internal/apptest", "part of the tests"},
	{"test/...", "tests of the whole program"},
	{"internal/postman", "the mail server is the operator's own setting, and may have a private address"},
	{"internal/dev", "waits for its own listeners on loopback"},
	{"internal/cli/...", "administrators call the server they named, over https or on this machine"},
	{"cmd/signet", "healthcheck asks this machine's own ops listener"},
	{"pkg/...", "runs in other people's services, with clients they choose"},
}
