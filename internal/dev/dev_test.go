package dev

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/secret"
)

func example() Addresses {
	return Addresses{Issuer: "http://localhost:8080", Ops: "http://localhost:9090", Frontend: "http://localhost:8081", Orders: "http://localhost:8082", Mail: "http://localhost:8025", Partner: "http://127.0.0.1:8083"}
}

// described is what a run at those addresses would say.
func described(t *testing.T, former State) State {
	t.Helper()
	r := &run{dir: &directory{path: "/data"}, main: &site{former: former.Site, definition: define(example())}, partner: &site{definition: definePartner(example())}}
	if former.PartnerInc != nil {
		r.partner.former = *former.PartnerInc
	}
	s, err := r.describe()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsSeededPassesItsOwnChecks(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]definition{"all": define(example()), "without Partner Inc": define(example().alone()), "of Partner Inc": definePartner(example())} {
		if err := d.In.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDemoPasswordsAreOnesThatPeopleCouldChoose(t *testing.T) {
	t.Parallel()
	rules, err := password.NewRules(password.RulesConfig{Service: []string{"Signet", "Orders"}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range append(people(), partnerPeople()...) {
		err := rules.Check(secret.New(p.password), password.Context{Email: p.Email, Name: p.Name, Words: []string{"Acme Corporation", "Globex", partnerName}})
		if err != nil || seen[p.password] {
			t.Errorf("%s: %q: %v", p.Email, p.password, err)
		}
		seen[p.password] = true
	}
}

func TestHashesVerifyAndAnImportedOneAsksToBeUpgraded(t *testing.T) {
	t.Parallel()
	hashes, err := newHashes(t.Context(), people(), true).all()
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := password.New(password.Config{})
	if err != nil {
		t.Fatal(err)
	}
	imported := 0
	for i, p := range people() {
		got, err := hasher.Verify(t.Context(), hashes[i], secret.New(p.password))
		if err != nil || !got.Match || got.Rehash != p.imported {
			t.Errorf("%s: %+v %v", p.Email, got, err)
		}
		if p.imported {
			imported++
		}
	}
	if imported == 0 {
		t.Error("nobody shows the upgrade of an imported hash")
	}
}

func TestOtherPortsAreSeededAgainAndTheSameOnesAreNot(t *testing.T) {
	t.Parallel()
	a, errA := define(example()).fingerprint()
	b, errB := define(example()).fingerprint()
	other := example()
	other.Frontend = "http://localhost:9999"
	c, errC := define(other).fingerprint()
	if errA != nil || errB != nil || errC != nil {
		t.Fatal(errA, errB, errC)
	}
	if a != b || a == c {
		t.Errorf("%s, %s; on other ports %s", a, b, c)
	}
}

func TestTheTableLinesUpAndKeepsColourToTerminals(t *testing.T) {
	t.Parallel()
	s := described(t, State{})
	var plainText, coloured bytes.Buffer
	if err := writeTable(&plainText, s, false); err != nil {
		t.Fatal(err)
	}
	if err := writeTable(&coloured, s, true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plainText.String(), "\x1b") || !strings.Contains(coloured.String(), bold) {
		t.Errorf("%s%s", plainText.String(), coloured.String())
	}
	column := -1
	for line := range strings.Lines(plainText.String()) {
		if width(strings.TrimRight(line, "\n")) > 100 {
			t.Errorf("%d columns: %s", width(line), line)
		}
		for _, p := range append(append(s.People, s.PartnerInc.People...), Person{Password: "Password"}) {
			if at := strings.Index(line, p.Password); at >= 0 && strings.HasPrefix(line, "  ") {
				if column >= 0 && at != column {
					t.Errorf("the passwords do not line up: %s", line)
				}
				column = at
			}
		}
	}
	if column < 0 {
		t.Error("no passwords in the table")
	}
	for _, c := range append(s.Clients, s.PartnerInc.Clients...) {
		if c.Secret != "" && strings.Contains(plainText.String(), c.Secret) {
			t.Errorf("the secret of %s is on the terminal", c.ID)
		}
	}
}

func TestSecretsOfTheLastRunAreKept(t *testing.T) {
	t.Parallel()
	first := described(t, State{})
	second := described(t, first)
	if is, was := second.PartnerInc.secret(clientSignet), first.PartnerInc.secret(clientSignet); is != was || is == "" {
		t.Errorf("at Partner Inc: %q, then %q", was, is)
	}
	for i, c := range first.Clients {
		if public := c.AuthMethod == "none"; (c.Secret == "") != public {
			t.Errorf("%s: secret %q", c.ID, c.Secret)
		}
		if second.Clients[i].Secret != c.Secret {
			t.Errorf("%s has another secret in the second run", c.ID)
		}
	}
}

func TestTheReadmeShowsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "```text\n")
	shown, _, more := strings.Cut(shown, "  …\n```")
	var printed bytes.Buffer
	if err := writeTable(&printed, described(t, State{}), false); err != nil {
		t.Fatal(err)
	}
	if !more || !strings.HasPrefix(strings.TrimPrefix(printed.String(), "\n"), shown) {
		t.Errorf("README.md shows\n%s\nand signet dev prints\n%s", shown, printed.String())
	}
}

func TestWarningsReachTheTerminalInOneLineAndTheRestOnlyTheFile(t *testing.T) {
	t.Parallel()
	var file, terminal bytes.Buffer
	log := newLog(&file, &terminal)
	log.Debug("too much")
	log.Info("all is well")
	log.With("a", "one\ntwo").WithGroup("g").Warn("look here", "b", 2, slog.Group("c", "d", 3))
	if got, want := terminal.String(), "warning: look here (a one two, b 2, c [d=3])\n"; got != want {
		t.Errorf("terminal: %q, want %q", got, want)
	}
	if got := file.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "all is well") || strings.Contains(got, "too much") {
		t.Errorf("file: %s", got)
	}
}

func TestDevDecidesItsOwnSettingsAndTakesTheOthersFromTheEnvironment(t *testing.T) {
	t.Parallel()
	dir := &directory{path: t.TempDir()}
	ports, err := Ports{}.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer ports.close()
	r := &run{dir: dir, ports: ports, log: slog.New(slog.DiscardHandler), Options: Options{Environ: []string{
		"SIGNET_TOKENS_ACCESS_TTL=90s", "SIGNET_ISSUER=https://id.example.com", "DATABASE_URL=postgres://production/x",
		"SIGNET_DATABASE_URL_FILE=/run/secrets/url", "SIGNET_KEYS_MASTER=short", "SIGNET_SERVER_TLS_CERT_FILE=/x", "SIGNET_DEV_DATA=/y", "SIGNET_CONFIG=/z",
		"SIGNET_OUTBOUND_ALLOW=10.0.0.0/8", "SIGNET_GOOGLE_CLIENT_ID=id", "SIGNET_GOOGLE_CLIENT_SECRET=secret",
	}}}
	r.furnish(t.Context(), State{})
	r.main.database, r.partner.database = secret.New("postgres://private/x"), secret.New("postgres://private/x_partner")
	r.main.environ, r.partner.environ = r.environ(r.ours()), r.partners()
	if err := errors.Join(r.main.configure(dir), r.partner.configure(dir)); err != nil {
		t.Fatal(err)
	}
	c, partner := r.main.config, r.partner.config
	if len(c.Outbound.Allow) != 3 || len(c.Connectors()) != 1 {
		t.Errorf("outbound.allow %v, connectors %v", c.Outbound.Allow, c.Connectors())
	}
	if partner.Issuer != ports.partner.byAddress() || partner.Brand.Name != partnerName || partner.Keys.Master.Hash() == c.Keys.Master.Hash() ||
		partner.Database.URL.Reveal() != "postgres://private/x_partner" || partner.Tokens.AccessTTL == c.Tokens.AccessTTL ||
		len(partner.Outbound.Allow)+len(partner.Connectors()) != 0 {
		t.Errorf("Partner Inc: %+v", partner)
	}
	if c.Tokens.AccessTTL.String() != "1m30s" || c.Issuer != ports.issuer.url() || c.Database.URL.Reveal() != "postgres://private/x" || c.TLS() {
		t.Errorf("%+v", c)
	}
}

func TestFilesAreReplacedAsAWholeForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := &directory{path: t.TempDir()}
	for _, s := range []State{{PID: 1, Audience: strings.Repeat("x", 10_000)}, {Audience: "y"}} {
		if err := dir.writeState(s); err != nil {
			t.Fatal(err)
		}
		got, err := dir.readState()
		if err != nil || got.PID != s.PID || got.Audience != s.Audience {
			t.Errorf("%v %+v", err, got)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir.path, "*"))
	hidden, _ := filepath.Glob(filepath.Join(dir.path, ".*"))
	if err != nil || len(files) != 1 || len(hidden) != 0 {
		t.Errorf("left behind: %v %v", files, hidden)
	}
	if info, err := os.Stat(dir.file(stateFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestAMasterKeyIsMadeOnceAndNeverReplaced(t *testing.T) {
	t.Parallel()
	dir := &directory{path: t.TempDir()}
	if err := dir.ensureMaster(masterFile, true); err == nil || !strings.Contains(err.Error(), "put it back") {
		t.Errorf("a lost key was replaced: %v", err)
	}
	if err := dir.ensureMaster(masterFile, false); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(dir.file(masterFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.ensureMaster(masterFile, false); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(dir.file(masterFile)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("another key: %v", err)
	}
}

func TestForgettingTakesLeftoversAlongAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "[odd] name")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{stateFile, lockFile, masterFile, partnerKey, ".dev.json-123", ".partner.key-1", "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, existed, err := Forget(dir); err != nil || !existed {
		t.Fatal(existed, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "mine" {
		t.Errorf("%v %v", left, err)
	}
}

func TestTheSecondDatabaseIsBesideTheFirst(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres:///signet?host=%2Frun%2Fmy%20pg&user=signet": "postgres:///signet_partner?host=%2Frun%2Fmy%20pg&user=signet",
		"postgresql://u:p%40w@db:5432/x":                       "postgresql://u:p%40w@db:5432/x_partner",
		"postgres://u@db/x?dbname=y":                           "postgres://u@db/y_partner",
		"host=db user=u dbname=x":                              "host=db user=u dbname=x dbname=x_partner",
	} {
		beside, name, err := besideDatabase(secret.New(dsn))
		if err != nil || beside.Reveal() != want || !strings.Contains(want, name) {
			t.Errorf("%s: %s, %s, %v", dsn, beside.Reveal(), name, err)
		}
	}
	if _, _, err := besideDatabase(secret.New("postgres://u:pass word@x:y/")); err == nil || strings.Contains(err.Error(), "pass") {
		t.Errorf("no URL: %v", err)
	}
}
