package upstream

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/sync/errgroup"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
)

// gitHub speaks OAuth 2.0 with GitHub, and its REST API.
type gitHub struct {
	*way
	base string // of its pages
	api  string
}

func newGitHub(w *way) *gitHub {
	base := strings.TrimSuffix(w.connector.Issuer, "/")
	return &gitHub{way: w, base: base, api: gitHubAPI(base)}
}

// gitHubAPI is where the API of a GitHub is: of github.com, of an enterprise on ghe.com, or of an
// Enterprise Server.
func gitHubAPI(base string) string {
	u, err := url.Parse(base)
	if err == nil && (u.Host == "github.com" || strings.HasSuffix(u.Host, ".ghe.com")) {
		return u.Scheme + "://api." + u.Host
	}
	return base + "/api/v3"
}

func (g *gitHub) oauth() *oauth2.Config {
	return g.endpoint(g.base+"/login/oauth/authorize", g.base+"/login/oauth/access_token", oauth2.AuthStyleInParams,
		scopes(g.connector.Scopes, nil, []string{"read:user", "user:email"}))
}

func (g *gitHub) authorizationURL(_ context.Context, s connector.Start) (string, error) {
	options := challenge(s)
	if s.LoginHint != "" {
		options = append(options, oauth2.SetAuthURLParam("login", s.LoginHint))
	}
	if s.Fresh || s.MaxAge >= 0 { // there is no way to make somebody sign in again
		options = append(options, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	c := g.oauth()
	c.RedirectURL = s.RedirectURI
	return c.AuthCodeURL(s.State, options...), nil
}

// checkIssuer takes the issuer that GitHub's own metadata names, should an answer have one.
func (g *gitHub) checkIssuer(_ context.Context, issuer string) error {
	if issuer != "" && issuer != g.base && issuer != g.base+"/login/oauth" {
		return wrongIssuer(issuer)
	}
	return nil
}

func (g *gitHub) verifyLogout(context.Context, string) (connector.Logout, error) {
	return connector.Logout{}, connector.Fail(connector.BadToken, nil, "GitHub sends no logout tokens")
}

func (g *gitHub) exchange(ctx context.Context, r connector.Return) (connector.Proof, error) {
	t, err := g.redeem(ctx, g.oauth(), r)
	if err != nil {
		return connector.Proof{}, err
	}
	p := connector.Profile{Issuer: g.base}
	var email string
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return g.user(ctx, t.AccessToken, &p) })
	both.Go(func() (err error) {
		email, err = g.email(ctx, t.AccessToken)
		return err
	})
	if err := both.Wait(); err != nil {
		return connector.Proof{}, err
	}
	if email != "" {
		verified := true
		p.Email, p.EmailVerified = email, &verified
	}
	return connector.Proof{Profile: p, Tokens: g.tokens(t)}, nil
}

// user asks who the person is. Logins change hands and the number never does, so it is the subject.
func (g *gitHub) user(ctx context.Context, token string, p *connector.Profile) error {
	body, err := g.rest(ctx, "user", "/user", token)
	if err != nil {
		return err
	}
	o, err := readObject(body)
	if err != nil {
		return connector.Fail(connector.BadAnswer, err, "the answer about the person cannot be read")
	}
	n, err := strconv.ParseInt(string(o["id"]), 10, 64)
	if err != nil || n <= 0 {
		return connector.Fail(connector.BadAnswer, nil, "the answer about the person has no numeric id")
	}
	p.Subject, p.Login = strconv.FormatInt(n, 10), label(o.text("login"))
	p.Names = connector.Names{Name: label(o.text("name")), Picture: picture(o.text("avatar_url"))}
	return nil
}

// email returns the primary address of the person if they have verified it, or else none: GitHub lets
// people add addresses that are not theirs.
func (g *gitHub) email(ctx context.Context, token string) (string, error) {
	body, err := g.rest(ctx, "emails", "/user/emails?per_page=100", token)
	if err != nil {
		return "", err
	}
	var entries []json.RawMessage
	if json.Unmarshal(body, &entries) != nil {
		return "", connector.Fail(connector.BadAnswer, nil, "the answer about addresses cannot be read")
	}
	for _, e := range entries {
		o, err := readObject(e)
		if err != nil {
			return "", connector.Fail(connector.BadAnswer, err, "the answer about addresses cannot be read")
		}
		primary, _ := o.flag("primary")
		verified, _ := o.flag("verified")
		if primary && verified && plain(o.text("email"), directory.MaxEmail) {
			return o.text("email"), nil
		}
	}
	return "", nil
}

// rest asks the API as the person.
func (g *gitHub) rest(ctx context.Context, request, path, token string) ([]byte, error) {
	status, h, body, err := g.get(ctx, request, g.api+path, http.Header{
		"Accept":               {"application/vnd.github+json"},
		"Authorization":        {"Bearer " + token},
		"X-Github-Api-Version": {"2022-11-28"},
	})
	limited := h.Get("Retry-After") != "" || h.Get("X-Ratelimit-Remaining") == "0"
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusOK:
		return body, nil
	case status == http.StatusTooManyRequests, status == http.StatusForbidden && limited:
		return nil, connector.Fail(connector.Unavailable, nil, "GitHub answers no more requests for now (status %d, rate limit)", status)
	case status >= 500:
		return nil, connector.Fail(connector.Unavailable, nil, "%s answered with status %d", path, status)
	case status >= 300 && status <= 399:
		return nil, connector.Fail(connector.BadAnswer, nil, "%s redirects, which is not followed", path)
	case request == "emails":
		return nil, connector.Fail(connector.BadAnswer, nil, "GitHub does not show addresses (status %d): an OAuth app needs the scope user:email, a GitHub App the account permission to read email addresses", status)
	}
	return nil, connector.Fail(connector.BadAnswer, nil, "%s answered with status %d", path, status)
}
