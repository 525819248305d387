package adminapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/ratelimit"
	"github.com/signet-id/signet/internal/secret"
)

// ConnectorTester speaks with a provider as a sign-in would; package upstream implements it.
type ConnectorTester interface {
	Test(ctx context.Context, c connector.Connector, s secret.Text) []connector.Finding
}

// longestTest bounds a test of a connection, which is shorter than what the server allows.
const longestTest = 15 * time.Second

// byLooker is what reaching out for an administrator is counted by.
const byLooker ratelimit.Kind = "looker"

// lookers is the budget of one administrator for what reaches out to addresses and names of their
// choice: enough to try things, too little to search a network.
func lookers() ratelimit.Policy {
	return ratelimit.Policy{Free: 30, Base: time.Minute, Max: 10 * time.Minute, Window: 30 * time.Minute}
}

// reachOut counts something that connects to an address of the caller's choice.
func (a *API) reachOut(ctx context.Context, actor admin.Actor) error {
	d, err := a.Budgets.Spend(ctx, []ratelimit.Budget{{Kind: byLooker, Name: actor.String(), Policy: lookers()}}, a.Now())
	if err != nil || d.Allowed {
		return err
	}
	return tooMany(d, "You have had many tests done a moment ago. Wait before the next.")
}

// ConnectorTest is what a test of a connection found.
type ConnectorTest struct {
	OK       bool      `json:"ok" doc:"Nothing is wrong, as far as can be seen without a person signing in."`
	Findings []Finding `json:"findings" nullable:"false"`
}

// Finding is one thing that a test looked at.
type Finding struct {
	Check  string `json:"check" doc:"What was looked at."`
	OK     bool   `json:"ok"`
	Detail string `json:"detail" doc:"What was found; when it is not ok, what to do."`
}

func (a *API) connections() {
	const tag = "Connectors"
	const bounds = " It takes 15 seconds at most, and is held off (429) when one administrator has many done."
	register(a, operation{
		ID: "test-connector", Method: http.MethodPost, Path: "/connectors/{connector}/test", Tag: tag, Errors: []int{http.StatusTooManyRequests}, Timeout: 2 * longestTest,
		Summary: "Test the connection to a provider.", Description: "Whatever can be seen without a person signing in is tried, and what is wrong is said in words." + bounds,
	}, a.testConnector)
	register(a, operation{
		ID: "test-connector-draft", Method: http.MethodPost, Path: "/connectors/test", Tag: tag, Errors: []int{http.StatusTooManyRequests}, Timeout: 2 * longestTest,
		Summary: "Test a connector before it is made.", Description: "Nothing is stored." + bounds,
	}, a.testDraft)
}

func (a *API) testConnector(ctx context.Context, actor admin.Actor, in *OfConnector) (*plain[ConnectorTest], error) {
	c, err := a.managedConnector(ctx, actor, *in)
	if err != nil {
		return nil, err
	}
	s, err := a.Keeper.Secret(c)
	if err != nil {
		return nil, a.unopened(ctx, err, "The client secret of this connector cannot be opened any more, so nobody signs in through it: set it again.")
	}
	return a.test(ctx, actor, c, s)
}

func (a *API) testDraft(ctx context.Context, actor admin.Actor, in *struct{ Body NewConnector }) (*plain[ConnectorTest], error) {
	c, err := a.draft(ctx, actor, in.Body)
	if err != nil {
		return nil, err
	}
	var of string
	if !c.Tenant.IsZero() {
		t, err := a.Tenants.Find(ctx, actor.Reach(), c.Tenant.String())
		if err != nil {
			return nil, err
		}
		of = t.Slug
	}
	c.Reference = connector.ReferenceFor(of, c.Slug) // for the addresses to register
	return a.test(ctx, actor, c, secret.New(in.Body.ClientSecret))
}

func (a *API) test(ctx context.Context, actor admin.Actor, c connector.Connector, s secret.Text) (*plain[ConnectorTest], error) {
	if err := a.reachOut(ctx, actor); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, longestTest)
	defer cancel()
	out := ConnectorTest{OK: true, Findings: []Finding{}}
	var wrong []string
	for _, f := range a.Tester.Test(limited, c, s) {
		out.Findings = append(out.Findings, Finding(f))
		if !f.OK {
			out.OK = false
			wrong = append(wrong, f.Check)
		}
	}
	detail := map[string]string{"kind": string(c.Kind), "issuer": c.Issuer, "ok": strconv.FormatBool(out.OK)}
	target := c.ID.String()
	if c.Version == 0 {
		target = "" // a draft is nothing that could be looked up
	}
	if len(wrong) > 0 {
		detail["wrong"] = strings.Join(wrong, ", ")
	}
	a.Audit.Record(ctx, a.act(ctx, actor, audit.ConnectorTested, c.Tenant, target, detail).Event)
	return &plain[ConnectorTest]{out}, nil
}
