// Package adminapi is the administration over HTTP: JSON under /admin/v1, described by an OpenAPI
// 3.1 document that is made from the Go types of its operations.
//
// It owns requests, responses and the order of the checks. Who may do what is package admin; the
// rules of each noun are in their rule packages; what is stored is behind small interfaces that
// the operations of a noun own, each in the noun's file.
//
//	adminapi.go   what every operation shares: caller, refusal, audit
//	operation.go  how an operation is declared; entity tags, idempotency keys, pages
//	problem.go    the one writer of errors (RFC 9457)
//	json.go       the one reader of bodies
//	document.go   what the document says about errors
//	tenants.go, … a file per noun
package adminapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/keys"
)

// Prefix is where the administration is served.
const Prefix = "/admin/v1"

// Version is the version of the document, which follows what callers can see.
const Version = "1.0.0"

// maxAccessToken is the longest life of an access token: what recalls tokens is kept that long.
const maxAccessToken = client.MaxAccessTokenLifetime

// Callers knows who sent a request, by its access token; package issuer implements it.
type Callers interface {
	Administrator(w http.ResponseWriter, r *http.Request) (admin.Actor, error)
}

// Recorder takes audit events without waiting for them to be stored.
type Recorder interface {
	Record(ctx context.Context, e audit.Event)
}

// Config is everything that the administration needs; all of it is required, save to make the
// document. The stores are one for each noun.
type Config struct {
	Callers Callers
	Audit   Recorder
	Tenants Tenants

	ResourceServers ResourceServers
	Permissions     Permissions
	Clients         Clients
	ClientSecrets   ClientSecrets
	Grants          Grants
	Sessions        Sessions
	Imports         Imports
	History         History

	Previews    Previews
	Provenances Provenances
	TokenBudget int // bytes of a token

	Users       Users
	Memberships Memberships
	Rules       PasswordRules
	Hasher      PasswordHasher
	Members     Members
	Roles       Roles
	Templates   Templates

	Connectors Connectors
	Domains    Domains
	Proofs     Proofs
	Identities Identities
	Keeper     *connector.Keeper
	Tester     ConnectorTester
	Resolver   connector.Resolver

	Ring      Ring
	KeyStore  KeyStore
	Rewrapper Rewrapper

	Invitations Invitations
	MailLinks   MailLinks
	Letters     *mail.Writer // without a mail server nobody is invited
	Links       Links
	Budgets     Budgets
	// InvitationsADay is how many a tenant may have sent.
	InvitationsADay int

	// ForgetClient, ForgetUser and ForgetConnectors have this replica read again what was changed, before the
	// change is answered; other replicas hear of it from the database. ForgetEverybody is for
	// changes that concern many.
	ForgetClient    func(client.ID)
	ForgetClients   func()
	ForgetUser      func(id.User)
	ForgetEverybody func()
	// ForgetConnectors is about domains and what tenants say of their connectors, too.
	ForgetConnectors func()

	// Algorithms are those that tokens can be signed with now.
	Algorithms func() []keys.Algorithm

	Issuer    string // the URL of this issuer
	SecretMAC MAC    // computes the secrets of creations that are tried again

	// Caller names who made the request of a context.
	Caller func(ctx context.Context) (address, requestID string)
	Now    func() time.Time
	Log    *slog.Logger
}

// API serves the administration. It is safe for concurrent use.
type API struct {
	Config
	huma   huma.API
	mux    *http.ServeMux
	routes []Route
}

// Route is one operation for the server's list.
type Route struct {
	Method, Pattern string
	MaxBody         int64         // 0: the server's
	Timeout         time.Duration // 0: the server's
	Handler         http.Handler
}

// New returns the administration of c.
func New(c Config) *API {
	hc := huma.DefaultConfig("Signet administration", Version)
	hc.Info.Description = "Tenants, people, roles, applications and what happened. Authenticate with an access token of this issuer for the audience " + admin.Audience + "."
	hc.CreateHooks, hc.DocsPath, hc.OpenAPIPath, hc.SchemasPath = nil, "", "", ""
	hc.RejectUnknownQueryParameters = true
	hc.Formats = formats()
	hc.Transformers = []huma.Transformer{withoutValues}
	hc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "An access token for the audience " + admin.Audience + "."},
	}
	hc.Security = []map[string][]string{{"token": {}}}
	a := &API{Config: c, mux: http.NewServeMux()}
	a.huma = humago.NewWithPrefix(a.mux, Prefix, hc)
	for _, declare := range a.nouns() {
		declare()
	}
	a.documentErrors()
	a.serveDocument()
	return a
}

// nouns lists the files of operations.
func (a *API) nouns() []func() {
	return []func(){
		a.tenants,
		a.resourceServers,
		a.clients,
		a.grants,
		a.imports,
		a.users,
		a.members,
		a.roles,
		a.templates,
		a.connectors,
		a.domains,
		a.identities,
		a.invitations,
		a.letters,
		a.me,
		a.previews,
		a.signingKeys,
		a.rewrapping,
		a.history,
	}
}

// Routes lists every operation.
func (a *API) Routes() []Route { return a.routes }

// Document returns the OpenAPI 3.1 document as JSON.
func (a *API) Document() ([]byte, error) { return json.MarshalIndent(a.huma.OpenAPI(), "", "  ") }

// serveDocument publishes the document, which is no secret.
func (a *API) serveDocument() {
	document := sync.OnceValues(a.Document) // anybody may ask for it
	a.routes = append(a.routes, Route{Method: http.MethodGet, Pattern: Prefix + "/openapi.json", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		doc, err := document()
		if err != nil {
			writeProblem(w, &Problem{Status: http.StatusInternalServerError})
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(doc)
	})})
}

// actorKey is where the caller of a request is kept in its context.
type actorKey struct{}

// authenticated lets requests through whose caller is known and administers anything at all.
func (a *API) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		actor, err := a.Callers.Administrator(w, r)
		if err != nil {
			a.challenge(w, r, err)
			return
		}
		ctx := context.WithValue(r.Context(), actorKey{}, actor)
		if actor.Reach() == (admin.Reach{}) && !actor.ReadsAudit(actor.Tenant) {
			a.denied(ctx, actor, r.Method+" "+r.Pattern)
			w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", error_description="The caller administers nothing."`)
			writeProblem(w, &Problem{Status: http.StatusForbidden, Detail: "You administer nothing here: ask an administrator for the role " + admin.AdminRole + "."})
			return
		}
		if r.ContentLength != 0 && !isJSON(r.Header.Get("Content-Type")) {
			writeProblem(w, &Problem{Status: http.StatusUnsupportedMediaType, Detail: "Send the body as application/json."})
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// isJSON reports whether a body is JSON, by what its sender says. Who says nothing means that.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// denied records an attempt that was not let.
func (a *API) denied(ctx context.Context, actor admin.Actor, what string) {
	a.Audit.Record(ctx, audit.Event{
		At: a.Now(), Action: audit.AdminDenied, Tenant: actor.Tenant, User: actor.User, Client: string(actor.Client),
		Actor: actor.String(), Detail: map[string]string{"operation": what},
	})
}
