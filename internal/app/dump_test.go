package app_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	process "os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
)

// dump is what somebody holds who got a copy of the database.
type dump struct {
	text   []byte // as pg_dump writes it
	binary []byte // every table as it is sent: what is bytea stands there as it is
}

func dumpOf(t *testing.T, dsn string) dump {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 20 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	var text, raw bytes.Buffer
	for _, table := range tables {
		for format, w := range map[string]*bytes.Buffer{"text": &text, "binary": &raw} {
			if _, err := conn.PgConn().CopyTo(t.Context(), w, "COPY (SELECT * FROM "+table+") TO STDOUT (FORMAT "+format+")"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if tool := dumper(t, conn); tool != "" { // the server may be elsewhere, without its tools
		out, err := process.CommandContext(t.Context(), tool, "--no-password", dsn).Output()
		if err != nil {
			t.Fatalf("pg_dump: %v", err)
		}
		text.Write(out)
	}
	return dump{text.Bytes(), raw.Bytes()}
}

func dumper(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	var dir string
	if err := conn.QueryRow(t.Context(), "SELECT setting FROM pg_config WHERE name = 'BINDIR'").Scan(&dir); err != nil {
		t.Logf("the server does not say where its tools are: %v", err)
		return ""
	}
	tool, err := process.LookPath(filepath.Join(dir, "pg_dump"))
	if err != nil {
		t.Logf("without pg_dump: %v", err)
	}
	return tool
}

// holds reports whether a secret is in the dump, in any way in which one writes bytes down.
func (d dump) holds(s []byte) bool {
	backwards := slices.Clone(s)
	slices.Reverse(backwards)
	forms := [][]byte{s, backwards, []byte(hex.EncodeToString(s)), []byte(strings.ToUpper(hex.EncodeToString(s))), []byte(new(big.Int).SetBytes(s).String())}
	for before := range 3 { // in base64 it depends on what stands before
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString(append(make([]byte, before), s...))
			forms = append(forms, []byte(text[(before*8+5)/6:len(text)-1]))
		}
	}
	for _, f := range forms {
		if bytes.Contains(d.text, f) || bytes.Contains(d.binary, f) || bytes.Contains(d.text, []byte(hex.EncodeToString(f))) {
			return true
		}
	}
	return false
}

var (
	jwkPrivate = regexp.MustCompile(`"(d|p|q|dp|dq|qi|k)"\s*:\s*"`)
	encoded    = regexp.MustCompile(`[A-Za-z0-9+/_-]{40,}`)
)

// privateKeys finds what has the form of a private key: PEM, JWK, and DER as it is or encoded.
func (d dump) privateKeys() (found []string) {
	if bytes.Contains(d.text, []byte("PRIVATE KEY")) {
		found = append(found, "PEM")
	}
	if jwkPrivate.Match(d.text) {
		found = append(found, "JWK")
	}
	places := [][]byte{d.binary}
	for _, word := range encoded.FindAll(d.text, -1) {
		if b, err := hex.DecodeString(strings.TrimPrefix(string(word), "x")); err == nil {
			places = append(places, b)
		}
		if b, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(string(word))); err == nil {
			places = append(places, b)
		}
	}
	for _, b := range places {
		for i := range b {
			if der := sequence(b[i:]); der != nil {
				if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
					found = append(found, "PKCS #8")
				}
				if _, err := x509.ParseECPrivateKey(der); err == nil {
					found = append(found, "SEC 1")
				}
				if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
					found = append(found, "PKCS #1")
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// sequence returns the DER sequence at the beginning of b, or nil.
func sequence(b []byte) []byte {
	if len(b) < 40 || b[0] != 0x30 {
		return nil
	}
	n, head := int(b[1]), 2
	switch b[1] {
	case 0x81:
		n, head = int(b[2]), 3
	case 0x82:
		n, head = int(binary.BigEndian.Uint16(b[2:])), 4
	}
	if n += head; n > len(b) || n < 40 {
		return nil
	}
	return b[:n]
}

// sealed is a value of the dump that is sealed, and what it is bound to.
type sealed struct {
	place, row string
	envelope.Sealed
	identities [][]byte
}

func sealedIn(t *testing.T, a *apptest.App) (out []sealed) {
	t.Helper()
	for _, p := range slices.Concat(keyring.Places(), connector.Places(), mail.Places()) {
		values, err := a.DB.Sealed().Stale(t.Context(), p.Name, []byte("nothing begins so"), nil, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			s := sealed{place: p.Name}
			s.row, s.identities = p.Row(v.Key)
			if err := s.UnmarshalBinary(v.Sealed); err != nil {
				t.Fatal(err)
			}
			out = append(out, s)
		}
	}
	return out
}

// opens tries a key of 32 bytes on a value, as the master key and as its data key. It knows our
// source code, and not the fingerprint's secret.
func (s sealed) opens(key []byte) bool {
	field := func(dst, f []byte) []byte { return append(binary.BigEndian.AppendUint32(dst, uint32(len(f))), f...) }
	open := func(key, text, aad []byte) []byte {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil
		}
		gcm, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil
		}
		plain, err := gcm.Open(nil, nil, text, aad)
		if err != nil {
			return nil
		}
		return append([]byte{}, plain...)
	}
	for _, aad := range s.identities {
		wrap := field(field([]byte("signet/envelope/v1/key"), []byte(s.MasterID)), aad)
		data := field([]byte("signet/envelope/v1/data"), aad)
		if open(key, s.Ciphertext, data) != nil {
			return true
		}
		if inner := open(key, s.WrappedKey, wrap); len(inner) == 32 && open(inner, s.Ciphertext, data) != nil {
			return true
		}
	}
	return false
}

// candidates are the keys that a dump offers: whatever has 32 bytes in what is sealed, and every
// digest and token that is stored.
func (d dump) candidates(values []sealed) map[string]bool {
	out := map[string]bool{}
	add := func(b []byte) {
		for i := 0; i+32 <= len(b); i++ {
			out[string(b[i:i+32])] = true
		}
	}
	for _, s := range values {
		add(s.WrappedKey)
		add([]byte(s.MasterID + s.MasterID))
		if len(s.Ciphertext) >= 32 {
			out[string(s.Ciphertext[:32])], out[string(s.Ciphertext[len(s.Ciphertext)-32:])] = true, true
		}
	}
	for _, word := range regexp.MustCompile(`[0-9a-f]{64}|[A-Za-z0-9+/_-]{43}`).FindAll(d.text, -1) {
		if b, err := hex.DecodeString(string(word)); err == nil {
			add(b)
		} else if b, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_").Replace(string(word))); err == nil {
			add(b)
		}
	}
	return out
}

// privateParts is everything about a private key that has to stay secret.
func privateParts(t *testing.T, der []byte) map[string][]byte {
	t.Helper()
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{"PKCS #8": der}
	switch k := parsed.(type) {
	case *ecdsa.PrivateKey:
		if out["scalar"], err = k.Bytes(); err != nil {
			t.Fatal(err)
		}
	case *rsa.PrivateKey:
		out["exponent"], out["dp"], out["dq"] = k.D.Bytes(), k.Precomputed.Dp.Bytes(), k.Precomputed.Dq.Bytes()
		for n, p := range k.Primes {
			out[fmt.Sprintf("prime %d", n)] = p.Bytes()
		}
	case ed25519.PrivateKey:
		out["seed"] = k.Seed()
	default:
		t.Fatalf("%T", parsed)
	}
	return out
}

// busy is an installation in which there is a secret of every kind, and those secrets.
func busy(t *testing.T) (a *apptest.App, secrets map[string][]byte) {
	t.Helper()
	op := apptest.NewProvider(t)
	a = apptest.Start(t, apptest.With("SIGNET_KEYS_ALGORITHMS", "ES256,RS256,EdDSA"))
	secrets = map[string][]byte{"password": []byte(apptest.Password), "client secret": []byte(apptest.Secret.Reveal()), "connector secret": []byte(op.Secret.Reveal())}
	eventually(t, "keys of all algorithms", func() bool {
		return records(t, a, "SELECT count(DISTINCT algorithm) FROM signing_key") == 3 && records(t, a, "SELECT count(*) FROM signing_key") >= 6
	})
	c := op.Connector()
	c.KeepTokens, c.Joins = true, a.TenantID(t, "acme")
	a.AddConnector(t, c, op.Secret)
	opal := a.AdminToken(t, apptest.Opal, "signet")
	secrets["administrator's token"] = []byte(opal)

	b := a.Browser(t)
	p := b.SignIn(b.Get(a.AuthorizeURL("spa", "scope=openid offline_access")), apptest.Grace, apptest.Password)
	secrets["code"] = []byte(p.Code(t))
	for _, cookie := range b.Cookies() {
		secrets["cookie "+cookie.Name] = []byte(cookie.Value)
	}
	out := a.PostForm(t, "/token", apptest.RedeemForm("spa", p.Code(t)))
	done(t, out)
	for _, kind := range []string{"access_token", "refresh_token", "id_token"} {
		secrets[kind] = []byte(out.Text(kind))
	}
	made := a.Admin(t, opal, http.MethodPost, "/clients/web/secrets", map[string]any{})
	done(t, made)
	secrets["made client secret"] = []byte(made.Text("secret"))

	b = a.Browser(t)
	b.Follow(b.Through("partner")).Code(t)
	identity := entries(a.Admin(t, opal, http.MethodGet, "/connectors/partner/identities", nil), "id")[0]
	user := entries(a.Admin(t, opal, http.MethodGet, "/connectors/partner/identities", nil), "user_id")[0]
	kept := a.Admin(t, opal, http.MethodPost, "/users/"+user+"/identities/"+identity+"/tokens", nil)
	done(t, kept)
	secrets["provider's access token"] = []byte(kept.Text("access_token"))
	jane := apptest.Jane()
	jane["sub"], jane["email"] = "another", apptest.Linus
	op.SignedIn(jane)
	b = a.Browser(t)
	link := b.Follow(b.Through("partner", "organization=globex"))
	secrets["token of a pending link"] = []byte(link.URL.Query().Get("token"))
	under := a.Browser(t).Through("partner")
	secrets["state of an attempt"] = []byte(under.Away.Query().Get("state"))

	askReset(t, a.Browser(t), a.Browser(t).Get(a.URL+"/password/forgot"), apptest.Greta)
	reset, err := url.Parse(a.Mail(t, apptest.Greta).Link())
	if err != nil {
		t.Fatal(err)
	}
	secrets["link of a letter"] = []byte(reset.Fragment + reset.RawQuery)
	const waits = "a-letter-that-waits-for-its-mail-server"
	s, err := writer(t).Seal(mail.Message{Kind: mail.ResetPassword, To: apptest.Ada, Name: "Ada", Link: secret.New("https://id.example/#" + waits), LinkExpires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, a).Exec(t.Context(), "INSERT INTO mail_outbox (id, sealed, next_attempt_at) VALUES ($1, $2, now() + interval '1 hour')", s.ID, s.Body); err != nil {
		t.Fatal(err)
	}
	secrets["letter that waits"] = []byte(waits)

	master, err := base64.StdEncoding.DecodeString(apptest.MasterKey)
	if err != nil {
		t.Fatal(err)
	}
	secrets["master key"] = master
	return a, secrets
}

func TestADumpOfTheDatabaseContainsNoUsableSecret(t *testing.T) {
	t.Parallel()
	a, secrets := busy(t)
	d, values := dumpOf(t, a.DSN), sealedIn(t, a)
	m, err := envelope.ParseMaster(secret.New(apptest.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]int{}
	for _, s := range values {
		places[s.place]++
		plain, err := envelope.New(m).Open(s.Sealed, s.identities[0])
		if err != nil {
			t.Fatalf("%s %s: %v", s.place, s.row, err)
		}
		switch s.place {
		case "signing_key":
			for part, b := range privateParts(t, plain) {
				secrets["key "+s.row+": "+part] = b
			}
		default:
			secrets[s.place+" "+s.row] = plain
		}
	}
	if len(places) != 7 || places["signing_key"] < 6 {
		t.Fatalf("not a value in every place: %v", places)
	}
	for what, s := range secrets {
		if len(s) < 16 {
			t.Errorf("%s: %d bytes prove nothing", what, len(s))
		} else if d.holds(s) {
			t.Errorf("the dump holds: %s", what)
		}
	}
	if found := d.privateKeys(); len(found) > 0 {
		t.Errorf("the dump holds private keys: %v", found)
	}

	// What is sealed does not open with anything that is in the dump, nor with another master key.
	wrong, err := envelope.ParseMaster(secret.New(newMasterKey))
	if err != nil {
		t.Fatal(err)
	}
	candidates := d.candidates(values)
	if len(candidates) < 500 {
		t.Fatalf("%d keys to try", len(candidates))
	}
	for _, s := range values {
		if !s.opens(secrets["master key"]) {
			t.Errorf("%s %s does not open with the master key: the attempts prove nothing", s.place, s.row)
		}
		for key := range candidates {
			if s.opens([]byte(key)) {
				t.Errorf("%s %s opens with %x, which is in the dump", s.place, s.row, key)
			}
		}
		claimed := s.Sealed
		claimed.MasterID = wrong.ID()
		for _, is := range []envelope.Sealed{s.Sealed, claimed} {
			if _, err := envelope.New(wrong).Open(is, s.identities[0]); err == nil {
				t.Errorf("%s %s opens with another master key", s.place, s.row)
			}
		}
	}
	everythingSealedIsKnown(t, a, len(values))
	theSearchFinds(t, a, secrets)
}

// everythingSealedIsKnown looks for sealed values in every column of every table, whatever its name.
func everythingSealedIsKnown(t *testing.T, a *apptest.App, known int) {
	t.Helper()
	d := dumpOf(t, a.DSN)
	head := envelope.Head(masterID(t, apptest.MasterKey))
	if n := bytes.Count(d.binary, head); n != known {
		t.Errorf("%d values are sealed, and %d can be rewrapped", n, known)
	}
	if bytes.Contains(d.text, []byte("env1.")) {
		t.Error("a sealed value is stored as text")
	}
}

// theSearchFinds leaves secrets where a mistake could, and looks whether they are found.
func theSearchFinds(t *testing.T, a *apptest.App, secrets map[string][]byte) {
	t.Helper()
	conn := connect(t, a)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE careless (b bytea, s text, j jsonb)")
	var der []byte // of some ES256 key
	var key *ecdsa.PrivateKey
	for what, s := range secrets {
		if !strings.HasSuffix(what, ": PKCS #8") {
			continue
		}
		if private, err := x509.ParsePKCS8PrivateKey(s); err != nil {
			t.Fatal(err)
		} else if ec, ok := private.(*ecdsa.PrivateKey); ok {
			key, der = ec, s
		}
	}
	if key == nil {
		t.Fatal("no ES256 key")
	}
	scalar, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(map[string]string{"kty": "EC", "d": base64.RawURLEncoding.EncodeToString(scalar)})
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		column string
		value  any
		form   string // that privateKeys has to find
		secret []byte
	}{
		"a key as it is":          {"b", der, "PKCS #8", der},
		"a key among other bytes": {"b", append([]byte("before"), sec1...), "SEC 1", scalar},
		"a key in base64":         {"s", base64.StdEncoding.EncodeToString(der), "PKCS #8", der},
		"a key in PEM":            {"s", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "PEM", nil},
		"a JWK":                   {"j", string(jwk), "JWK", scalar},
		"a scalar in base64":      {"s", "xy" + base64.StdEncoding.EncodeToString(append([]byte("?"), scalar...)), "", scalar},
		"a scalar as a number":    {"s", new(big.Int).SetBytes(scalar).String(), "", scalar},
		"the master key in text":  {"s", apptest.MasterKey, "", secrets["master key"]},
		"a token in bytea":        {"b", secrets["refresh_token"], "", secrets["refresh_token"]},
	} {
		exec("TRUNCATE careless")
		exec("INSERT INTO careless ("+c.column+") VALUES ($1)", c.value)
		d := dumpOf(t, a.DSN)
		if c.form != "" && !slices.Contains(d.privateKeys(), c.form) {
			t.Errorf("the search does not find %s", what)
		}
		if c.secret != nil && !d.holds(c.secret) {
			t.Errorf("the search does not see %s", what)
		}
	}
}
