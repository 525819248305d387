package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/id"
)

// operations reads the OpenAPI document of a running server.
func operations(t *testing.T, a *apptest.App) []operation {
	t.Helper()
	doc := a.Admin(t, "", http.MethodGet, "/openapi.json", nil).JSON
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	var out []operation
	for path, item := range doc["paths"].(map[string]any) {
		for method, v := range item.(map[string]any) {
			o, ok := v.(map[string]any)
			if !ok || o["operationId"] == nil {
				continue
			}
			op := operation{ID: o["operationId"].(string), Method: strings.ToUpper(method), Path: path}
			params, _ := o["parameters"].([]any)
			for _, p := range params {
				p := p.(map[string]any)
				if p["in"] == "query" {
					op.Query = append(op.Query, p["name"].(string))
				}
			}
			if body, ok := o["requestBody"].(map[string]any); ok {
				content := body["content"].(map[string]any)["application/json"].(map[string]any)
				op.Body = content["schema"].(map[string]any)
			}
			op.schemas = schemas
			out = append(out, op)
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.ID, b.ID) })
	return out
}

type operation struct {
	ID, Method, Path string
	Query            []string
	Body             map[string]any
	schemas          map[string]any
}

// names says whose things a request speaks of: values by what a parameter or member is called.
type names map[string]string

// path fills in the parameters of the path; what it does not know is an error of this test.
func (op operation) path(t *testing.T, n names) string {
	t.Helper()
	out := op.Path
	for {
		_, rest, ok := strings.Cut(out, "{")
		if !ok {
			return out
		}
		name, _, _ := strings.Cut(rest, "}")
		key := name
		if name == "id" {
			key = "resource_server"
		}
		value, known := n[key]
		if !known {
			t.Fatalf("%s: this test knows no value for {%s}: add one", op.ID, name)
		}
		out = strings.Replace(out, "{"+name+"}", url.PathEscape(value), 1)
	}
}

// sample makes a value of a schema, with names where members are called after things.
func (op operation) sample(schema map[string]any, called string, n names) any {
	if ref, ok := schema["$ref"].(string); ok {
		schema = op.schemas[ref[strings.LastIndexByte(ref, '/')+1:]].(map[string]any)
	}
	for _, form := range []string{called, strings.TrimSuffix(called, "_id"), strings.TrimSuffix(called, "s")} {
		if v, ok := n[form]; ok && (schema["type"] == "string" || fmt.Sprint(schema["type"]) == "[string null]") {
			return v
		}
	}
	kind := schema["type"]
	if list, ok := kind.([]any); ok {
		kind = list[0]
	}
	if enum, ok := schema["enum"].([]any); ok {
		return enum[0]
	}
	if examples, ok := schema["examples"].([]any); ok && kind != "object" && kind != "array" {
		return examples[0]
	}
	switch kind {
	case "object":
		out := map[string]any{}
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for name, p := range properties {
			p := p.(map[string]any)
			_, about := n[strings.TrimSuffix(strings.TrimSuffix(name, "_id"), "s")]
			if about && name != "secret" || // here it is the secret itself
				slices.Contains(required, any(name)) || p["type"] == "boolean" && op.Method == http.MethodPatch {
				out[name] = op.sample(p, name, n)
			}
		}
		return out
	case "array":
		return []any{op.sample(schema["items"].(map[string]any), called, n)}
	case "boolean":
		return true
	case "integer", "number":
		return 1
	}
	if schema["format"] == "date-time" {
		return time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	}
	return "sample"
}

func (op operation) call(t *testing.T, a *apptest.App, token string, n names, query url.Values) apptest.Answer {
	t.Helper()
	path := op.path(t, n)
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var body any
	if op.Body != nil {
		body = op.sample(op.Body, "", n)
	}
	return a.Admin(t, token, op.Method, path, body, "If-Match: *")
}

// holdings is what the test knows of acme, to ask for it and to recognise it in answers.
func holdings(t *testing.T, a *apptest.App) (real names, telling []string) {
	t.Helper()
	done(t, a.Tokens(t, "acme-spa", apptest.Grace))
	conn, err := pgx.Connect(context.Background(), a.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	read := func(sql string) (u [16]byte) {
		t.Helper()
		if err := conn.QueryRow(context.Background(), sql).Scan(&u); err != nil {
			t.Fatal(err)
		}
		return u
	}
	tenant := read("SELECT id FROM tenant WHERE slug = 'acme'")
	invitation, server, secretID := id.NewInvitation(time.Now()), id.NewResourceServer(time.Now()), id.NewClientSecret(time.Now())
	exec("INSERT INTO invitation (id, tenant_id, email, email_normalized, token_hash, expires_at) VALUES ($1, $2, 'joan@acme.example', 'joan@acme.example', '\\x01', now() + interval '1 day')", invitation.UUID(), tenant)
	exec("INSERT INTO resource_server (id, audience, name, tenant_id) VALUES ($1, 'https://own.acme.example', 'Acme''s own', $2)", server.UUID(), tenant)
	exec("INSERT INTO permission (audience, slug) VALUES ('https://own.acme.example', 'vault:open')")
	exec("INSERT INTO client (id, tenant_id, name, auth_method, redirect_uris, grant_types) VALUES ('acme-web', $1, 'Acme Web', 'client_secret_basic', '{https://web.acme.example/cb}', '{authorization_code}')", tenant)
	exec("INSERT INTO client_secret (client_id, hash, id) VALUES ('acme-web', '\\x0000000000000000000000000000000000000000000000000000000000000000', $1)", secretID.UUID())
	connector, identity := id.NewConnector(time.Now()), id.NewIdentity(time.Now())
	exec("INSERT INTO connector (id, reference, slug, tenant_id, kind, name, issuer, client_id, sealed_secret) VALUES ($1, 'acme.okta', 'okta', $2, 'oidc', 'Acme''s Okta', 'https://acme.okta.example', 'signet-at-okta', '\\x01')", connector.UUID(), tenant)
	exec("INSERT INTO tenant_domain (tenant_id, domain, connector_id, challenge, verified_at, verified_by) VALUES ($1, 'mail.acme.example', $2, 'a-challenge-of-theirs', now(), 'dns')", tenant, connector.UUID())
	exec("INSERT INTO identity (id, connector_id, issuer, subject, user_id, label, sealed_tokens) SELECT $1, $2, 'https://acme.okta.example', 'subject-at-okta', id, 'grace.h', '\\x01' FROM user_account WHERE email_normalized = '"+apptest.Grace+"'", identity.UUID(), connector.UUID())
	grace := id.UserFromUUID(read("SELECT id FROM user_account WHERE email_normalized = '" + apptest.Grace + "'"))
	grant := id.GrantFromUUID(read("SELECT id FROM refresh_family WHERE client_id = 'acme-spa'"))
	session := id.SessionFromUUID(read("SELECT s.id FROM browser_session s JOIN user_account u ON u.id = s.user_id WHERE u.email_normalized = '" + apptest.Grace + "' ORDER BY s.created_at LIMIT 1"))
	var kid string
	if err := conn.QueryRow(context.Background(), "SELECT kid FROM signing_key WHERE activated_at <= now() LIMIT 1").Scan(&kid); err != nil {
		t.Fatal(err)
	}
	real = names{
		"tenant": "acme", "user": grace.String(), "role": "clerk", "invitation": invitation.String(), "resource_server": server.String(),
		"client": "acme-web", "secret": secretID.String(), "grant": grant.String(), "session": session.String(), "slug": "vault:open",
		"permission": "vault:open", "template": "no-template", "audience": "https://own.acme.example", "email": apptest.Grace,
		"auth_method": "none", "redirect_uri": "https://sample.example/cb", "connector": "acme.okta", "identity": identity.String(),
		"domain": "mail.acme.example", "kind": "oidc", "issuer": "http://127.0.0.1:1", "kid": kid,
	}
	telling = []string{
		"acme.okta", connector.String(), identity.String(), "signet-at-okta", "subject-at-okta", "grace.h", "a-challenge-of-theirs",
		`"acme"`, "Acme", apptest.Grace, "Grace", grace.String(), invitation.String(), server.String(), secretID.String(), grant.String(),
		session.String(), "acme-web", "acme-spa", "vault:open", "own.acme.example", "joan@", id.TenantFromUUID(tenant).String(), `"clerk"`,
	}
	return real, telling
}

// unknown is the same with things that nobody has.
func unknown() names {
	now := time.Now()
	return names{
		"tenant": "zzzz", "user": id.NewUser(now).String(), "role": "nobody", "invitation": id.NewInvitation(now).String(),
		"resource_server": id.NewResourceServer(now).String(), "client": "nobody-web", "secret": id.NewClientSecret(now).String(),
		"grant": id.NewGrant(now).String(), "session": id.NewSession(now).String(), "slug": "nobody:open", "permission": "nobody:open",
		"template": "no-template", "audience": "https://own.nobody.example", "email": "nobody-at-all@acme.example",
		"auth_method": "none", "redirect_uri": "https://sample.example/cb", "connector": "nobody.okta", "identity": id.NewIdentity(now).String(),
		"domain": "mail.nobody.example", "kind": "oidc", "issuer": "http://127.0.0.1:1", "kid": "a-key-of-nobody",
	}
}

func with(n names, changes names) names {
	out := maps.Clone(n)
	maps.Copy(out, changes)
	return out
}

// TestNoOperationTellsATenantAdministratorOfAnotherTenant goes through the whole document: each
// operation is asked, by an administrator of globex, for what acme has and for what nobody has, in
// the path, in the query and in the body. The two answers are the same, byte for byte, lists hold
// nothing of acme, and acme is afterwards what it was.
func TestNoOperationTellsATenantAdministratorOfAnotherTenant(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	greta := a.AdminToken(t, apptest.Greta, "globex")
	foreign, telling := holdings(t, a)
	nobody := unknown()
	before := state(t, a)
	own := names{"tenant": "globex"}
	operations := operations(t, a)
	if len(operations) < 8 {
		t.Fatalf("%d operations", len(operations))
	}
	for _, op := range operations {
		for _, inOwn := range []bool{false, true} {
			theirs, none := foreign, nobody
			if inOwn {
				theirs, none = with(foreign, own), with(nobody, own)
			}
			got, want := op.call(t, a, greta, theirs, nil), op.call(t, a, greta, none, nil)
			compare(t, op.ID, got, want, telling, theirs)
			for _, name := range op.Query {
				if _, ok := foreign[name]; !ok {
					continue
				}
				query := func(n names) url.Values {
					v := url.Values{name: {n[name]}}
					for _, other := range op.Query { // what is needed beside
						switch other {
						case "tenant":
							if !v.Has(other) {
								v.Set(other, "globex")
							}
						case "on":
							v.Set(other, time.Now().UTC().Format(time.DateOnly))
						}
					}
					return v
				}
				got, want := op.call(t, a, greta, theirs, query(foreign)), op.call(t, a, greta, none, query(nobody))
				compare(t, op.ID+"?"+name, got, want, telling, theirs)
			}
		}
	}
	if after := state(t, a); after != before {
		t.Errorf("acme was\n%s\nand is\n%s", before, after)
	}
}

// compare checks that an answer about another's thing is the answer about nothing.
func compare(t *testing.T, what string, got, want apptest.Answer, telling []string, asked names) {
	t.Helper()
	if got.Status != want.Status {
		t.Errorf("%s: %d for what another has, %d for what nobody has\n%s\n%s", what, got.Status, want.Status, got.Raw, want.Raw)
		return
	}
	if got.Status >= 500 {
		t.Errorf("%s: %d %s", what, got.Status, got.Raw)
	}
	if got.Status >= 400 && got.Raw != want.Raw {
		t.Errorf("%s: the answers differ\n%s\n%s", what, got.Raw, want.Raw)
	}
	if got.Status < 300 {
		body, sent := got.Raw, slices.Collect(maps.Values(asked))
		for _, tell := range telling {
			// What was sent may come back, as the address of somebody invited does.
			if strings.Contains(body, tell) && !slices.ContainsFunc(sent, func(s string) bool { return strings.Contains(s, strings.Trim(tell, `"`)) }) {
				t.Errorf("%s: the answer holds %s\n%s", what, tell, body)
			}
		}
	}
}

// state is everything of acme that an administration could change.
func state(t *testing.T, a *apptest.App) string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), a.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	out := map[string]string{}
	for table, where := range map[string]string{
		"tenant": "slug = 'acme'", "user_account": "email LIKE '%@acme.example' AND email NOT LIKE 'sample%'", "membership": "", "membership_role": "", "role": "", "role_permission": "", "role_inclusion": "",
		"resource_server": "audience = 'https://own.acme.example'", "permission": "audience = 'https://own.acme.example'",
		"client": "", "invitation": "", "connector": "", "tenant_domain": "",
		"identity": "user_id IN (SELECT id FROM user_account WHERE email = '" + apptest.Grace + "')", "refresh_family": "", "browser_session": "user_id IN (SELECT id FROM user_account WHERE email = '" + apptest.Grace + "')",
	} {
		if where == "" {
			where = "tenant_id = (SELECT id FROM tenant WHERE slug = 'acme')"
		}
		var rows *string
		sql := fmt.Sprintf("SELECT string_agg(x::text, E'\\n' ORDER BY x::text) FROM %s x WHERE %s", table, where)
		if err := conn.QueryRow(context.Background(), sql).Scan(&rows); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if rows != nil {
			out[table] = *rows
		}
	}
	b, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
