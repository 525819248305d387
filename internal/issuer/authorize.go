package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/session"
)

// The scopes with a meaning of our own; all others are the resource servers'.
const (
	scopeOpenID  = "openid"
	scopeOffline = "offline_access"
)

// ServeAuthorize is the authorization endpoint (RFC 6749 §3.1), by GET and POST. As long as
// the client and its redirect URI are in doubt, errors are shown on a page and nothing is ever
// redirected (RFC 9700 §4.11); after that they go to the client.
func (i *Issuer) ServeAuthorize(w http.ResponseWriter, r *http.Request) {
	form, err := requestForm(w, r)
	if err != nil {
		i.refuse(w, r, err)
		return
	}
	c, redirectURI, err := i.authorizeTarget(r.Context(), form)
	if err != nil {
		i.refuse(w, r, err)
		return
	}
	// From here on there is somewhere to answer to.
	req := authorization.Request{
		Client:           c.ID,
		RedirectURI:      redirectURI,
		RedirectURIGiven: form.Has("redirect_uri"),
		ResponseMode:     answerMode(form),
		State:            form.Get("state"),
		MaxAge:           -1,
		ArrivedAt:        i.Now(),
	}
	if err := i.validateAuthorize(form, c, &req); err != nil {
		e, expected := protocolError(err)
		if !expected {
			i.Log.ErrorContext(r.Context(), "authorization request failed", "error", err)
		}
		i.Fail(w, r, req, authorization.Failure{Code: authorizeCode(e), Description: description(e)})
		return
	}
	i.Interaction.Authorize(w, r, req)
}

// authorizeTarget finds the client and the redirect URI: the two things without which there
// is nobody to answer to.
func (i *Issuer) authorizeTarget(ctx context.Context, form url.Values) (client.Client, string, error) {
	if len(form["client_id"]) != 1 || form.Get("client_id") == "" {
		return client.Client{}, "", errInvalidRequest.hint("The request must name one client_id.")
	}
	if len(form["redirect_uri"]) > 1 {
		return client.Client{}, "", errInvalidRequest.hint("The request must name one redirect_uri.")
	}
	c, err := i.Clients.FindClient(ctx, client.ID(form.Get("client_id")))
	if errors.Is(err, errdefs.ErrNotFound) || errors.Is(err, errdefs.ErrInvalid) || err == nil && !c.Enabled() {
		return client.Client{}, "", fault(http.StatusBadRequest, errInvalidClient.code, "The client that sent you here is not registered.")
	}
	if err != nil {
		return client.Client{}, "", err
	}
	uri := form.Get("redirect_uri")
	if !form.Has("redirect_uri") && len(c.RedirectURIs) == 1 {
		return c, c.RedirectURIs[0], nil // RFC 6749 §3.1.2.3
	}
	if !c.MatchRedirectURI(uri) {
		return client.Client{}, "", errInvalidRequest.hint("The redirect_uri is not one that this client has registered.")
	}
	return c, uri, nil
}

// answerMode returns how errors are sent back before the request is known to be valid.
func answerMode(form url.Values) string {
	switch m := form.Get("response_mode"); m {
	case "fragment", "form_post":
		return m
	}
	return "query"
}

// validateAuthorize checks everything but the target and fills in req.
func (i *Issuer) validateAuthorize(form url.Values, c client.Client, req *authorization.Request) error {
	if err := checkDuplicates(form); err != nil {
		return err
	}
	// Request objects are refused altogether: unsigned ones protect nothing, and nothing is
	// fetched from wherever a request_uri points.
	switch {
	case form.Has("request"):
		return errRequestNotSupported
	case form.Has("request_uri"):
		return errRequestURINotSupported
	case form.Has("registration"):
		return errRegistrationNotSupported
	}
	if !c.Allows(client.GrantAuthorizationCode) {
		return errUnauthorizedClient.hint("This client may not use the authorization code flow.")
	}
	if m := form.Get("response_mode"); m != "" && m != req.ResponseMode {
		return errUnsupportedResponseMode // OAuth 2.0 Multiple Response Types §2.1
	}
	switch form.Get("response_type") {
	case "code":
	case "": // RFC 6749 §4.1.2.1
		return errInvalidRequest.hint("The response_type is missing. Use response_type=code.")
	default: // implicit and hybrid flows are not offered (RFC 9700 §2.1.2)
		return errUnsupportedResponseType
	}
	scopes, err := scopesFor(form, c)
	if err != nil {
		return err
	}
	req.Scopes = scopes
	for _, check := range []func(url.Values, client.Client, *authorization.Request) error{
		checkPKCE, checkResources, checkOpenID, checkConnector, i.checkHint,
	} {
		if err := check(form, c, req); err != nil {
			return err
		}
	}
	return nil
}

// scopesFor reads the scope of an authorization request: what the client may ask for.
func scopesFor(form url.Values, c client.Client) ([]string, error) {
	scopes := fields(form.Get("scope"))
	for _, s := range scopes {
		if !slices.Contains(c.Scopes, s) { // exactly: no hierarchy, no wildcard
			return nil, errInvalidScope.hint("The scope holds more than this client may ask for.")
		}
	}
	if !c.Allows(client.GrantRefreshToken) {
		// OpenID Connect Core 1.0 §11: ignored where no refresh token can be had.
		scopes = slices.DeleteFunc(scopes, func(s string) bool { return s == scopeOffline })
	}
	return scopes, nil
}

// checkPKCE enforces RFC 7636: S256 alone, and for every client that has not opted out. A
// client that opted out but sends a challenge is held to it.
func checkPKCE(form url.Values, c client.Client, req *authorization.Request) error {
	challenge, method := form.Get("code_challenge"), form.Get("code_challenge_method")
	if challenge == "" {
		if method != "" {
			return errInvalidRequest.hint("There is a code_challenge_method but no code_challenge.")
		}
		if c.RequiresPKCE() {
			return errInvalidRequest.hint("This client must use PKCE: send code_challenge and code_challenge_method=S256.")
		}
		return nil
	}
	if method != "S256" {
		return errInvalidRequest.hint("Use code_challenge_method=S256; plain is refused.")
	}
	if !validChallenge(challenge) {
		return errInvalidRequest.hint("The code_challenge is not an unpadded base64url SHA-256 digest of 43 characters.")
	}
	req.CodeChallenge = challenge
	return nil
}

// checkResources reads resource indicators (RFC 8707 §2.1): absolute URIs without fragment
// that the client may ask for.
func checkResources(form url.Values, c client.Client, req *authorization.Request) error {
	audiences, err := audiencesFor(form, c)
	req.Audiences = audiences
	return err
}

// audiencesFor returns the resource servers that a request is for: those it names, else the
// client's default.
func audiencesFor(form url.Values, c client.Client) ([]string, error) {
	audiences, err := resources(form, c.Audiences)
	if err == nil && len(audiences) == 0 && c.DefaultAudience() != "" {
		audiences = []string{c.DefaultAudience()}
	}
	return audiences, err
}

// resources returns the resource parameters, without repeats, all of which must be allowed.
func resources(form url.Values, allowed []string) ([]string, error) {
	var out []string
	for _, v := range form[repeatable] {
		u, err := url.Parse(v)
		if err != nil || !u.IsAbs() || strings.Contains(v, "#") {
			return nil, errInvalidTarget.hint("A resource must be an absolute URI without fragment.")
		}
		if !slices.Contains(allowed, v) {
			return nil, errInvalidTarget
		}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out, nil
}

// checkOpenID reads the parameters of OpenID Connect Core 1.0 §3.1.2.1 that shape the sign-in.
func checkOpenID(form url.Values, _ client.Client, req *authorization.Request) error {
	req.Nonce = form.Get("nonce")
	req.LoginHint = form.Get("login_hint")
	req.Organization = form.Get("organization")
	req.ACRValues = fields(form.Get("acr_values"))
	req.Prompt = fields(form.Get("prompt"))
	known := []string{authorization.PromptNone, authorization.PromptLogin, authorization.PromptConsent, authorization.PromptSelectAccount}
	for _, p := range req.Prompt {
		if !slices.Contains(known, p) {
			return errInvalidRequest.hint("prompt holds a value that is not supported.")
		}
	}
	if req.Prompts(authorization.PromptNone) && len(req.Prompt) > 1 {
		return errInvalidRequest.hint("prompt=none cannot be combined with another value.")
	}
	if form.Has("max_age") {
		n, err := strconv.ParseUint(form.Get("max_age"), 10, 31)
		if err != nil {
			return errInvalidRequest.hint("max_age must be a number of seconds.")
		}
		req.MaxAge = int64(n)
	}
	return nil
}

// checkConnector reads the connector to sign in through. What can name none is a mistake of the
// client, which hears of it; whether there is one of that name is not said, and an application goes
// on working when its connector is gone: the person is then asked how to sign in.
func checkConnector(form url.Values, _ client.Client, req *authorization.Request) error {
	req.Connector = form.Get("connector")
	if req.Connector != "" && !connector.IsReference(req.Connector) {
		return errInvalidRequest.hint("connector must be the reference of a connector, such as google or acme.okta.")
	}
	return nil
}

// checkHint reads id_token_hint: an ID token of ours for this client, expired or not.
func (i *Issuer) checkHint(form url.Values, c client.Client, req *authorization.Request) error {
	hint := form.Get("id_token_hint")
	if hint == "" {
		return nil
	}
	h, err := i.readHint(hint)
	if err != nil || !slices.Contains(h.Audience, string(c.ID)) {
		return errInvalidRequest.hint("id_token_hint is not an ID token of this server for this client.")
	}
	req.HintedUser = h.user
	return nil
}

type idTokenHint struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Session  string   `json:"sid"`
	user     id.User
}

// readHint checks that an ID token is ours, by signature, type and issuer; it may be expired, and its
// key removed since, for browsers keep it as long as they are signed in (OpenID Connect RP-Initiated
// Logout 1.0 §2, Core §3.1.2.1).
func (i *Issuer) readHint(token string) (idTokenHint, error) {
	payload, err := i.Keys.VerifyOld(token, typeIDToken)
	if err != nil {
		return idTokenHint{}, err
	}
	var h idTokenHint
	if err := json.Unmarshal(payload, &h); err != nil {
		return idTokenHint{}, err
	}
	if h.Issuer != i.URL {
		return idTokenHint{}, errdefs.ErrInvalid
	}
	h.user, err = id.ParseUser(h.Subject)
	return h, err
}

// Complete answers a request with a code: the person in session s allowed it in the tenant.
// The client and its redirect URI are checked once more, because both may have changed while
// the person was typing. An error has not been answered yet.
func (i *Issuer) Complete(w http.ResponseWriter, r *http.Request, req authorization.Request, s session.Session, tenant directory.Tenant) error {
	ctx := r.Context()
	c, err := i.Clients.FindClient(ctx, req.Client)
	if err != nil {
		return err
	}
	if !c.Enabled() || !c.MatchRedirectURI(req.RedirectURI) {
		return errdefs.ErrDenied
	}
	now := i.Now()
	a := grant.Authorization{
		Grant: grant.Grant{
			ID:              id.NewGrant(now),
			Tenant:          tenant.ID,
			User:            s.User,
			Client:          c.ID,
			Session:         s.ID,
			Offline:         slices.Contains(req.Scopes, scopeOffline),
			Scopes:          req.Scopes,
			Audiences:       req.Audiences,
			ACR:             s.ACR,
			AMR:             s.AMR,
			AuthenticatedAt: s.AuthenticatedAt,
		},
		CodeChallenge: req.CodeChallenge,
		Nonce:         req.Nonce,
	}
	if req.RedirectURIGiven {
		a.RedirectURI = req.RedirectURI
	}
	code := secret.Generate()
	if err := i.Codes.Authorize(ctx, code.Hash(), a, i.Lifetimes.Code); err != nil {
		return err
	}
	i.rights.Owned(code.Hash(), tenant.ID, s.User)
	i.Observer.Authorization("granted")
	i.record(ctx, audit.Event{Action: audit.Authorized, Tenant: tenant.ID, User: s.User, Client: string(c.ID), Session: s.ID, Grant: a.ID})
	i.answer(w, r, req, url.Values{"code": {code.Reveal()}})
	return nil
}

// Fail answers a request with an error (RFC 6749 §4.1.2.1). A denial is on record already, by
// whoever knows the person.
func (i *Issuer) Fail(w http.ResponseWriter, r *http.Request, req authorization.Request, f authorization.Failure) {
	i.Observer.Authorization(f.Code)
	i.Log.InfoContext(r.Context(), "authorization request refused", "error", f.Code, "client", req.Client)
	i.answer(w, r, req, url.Values{"error": {f.Code}, "error_description": {f.Description}})
}

// answer sends params to the client. Every answer names the issuer (RFC 9207 §2) and repeats
// the state; the redirect is a 303, so that credentials of a POST are never sent on (RFC 9700
// §4.12).
func (i *Issuer) answer(w http.ResponseWriter, r *http.Request, req authorization.Request, params url.Values) {
	params.Set("iss", i.URL)
	if req.State != "" {
		params.Set("state", req.State)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	target := req.RedirectURI
	switch req.ResponseMode {
	case "form_post":
		i.Interaction.FormPost(w, r, target, params)
		return
	case "fragment":
		target += "#" + params.Encode()
	default:
		if strings.Contains(target, "?") {
			target += "&" + params.Encode()
		} else {
			target += "?" + params.Encode()
		}
	}
	h.Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}

// refuse shows an error on a page: there is nobody to redirect to.
func (i *Issuer) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e, expected := protocolError(err)
	if !expected {
		i.Log.ErrorContext(r.Context(), "authorization request failed", "error", err)
	}
	i.Observer.Authorization("refused")
	i.Interaction.Refuse(w, r, e.status, authorization.Failure{Code: e.code, Description: description(e)})
}

// authorizeCode keeps to the codes that RFC 6749 §4.1.2.1 knows: errors of the token endpoint
// that mean the same are renamed.
func authorizeCode(e *protocolFault) string {
	if e.code == errInvalidClient.code {
		return errUnauthorizedClient.code
	}
	return e.code
}
