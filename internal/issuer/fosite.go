package issuer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/ory/fosite"

	"github.com/signet-id/signet/internal/client"
)

// newProvider builds fosite's request validation. Every setting whose getter would otherwise
// fill it in lazily is set here: those getters are a data race.
//
// What fosite would do with assertions, request objects, PAR, introspection and revocation is
// not reachable: no such handler is appended, and requests that ask for it are refused before
// they get here.
func (i *Issuer) newProvider() *fosite.Fosite {
	c := &fosite.Config{
		ScopeStrategy:                fosite.ExactScopeStrategy,
		AudienceMatchingStrategy:     fosite.ExactAudienceMatchingStrategy,
		ClientAuthenticationStrategy: i.authenticateClient,
		ClientSecretsHasher:          noHasher{},
		JWKSFetcherStrategy:          fosite.NewDefaultJWKSFetcherStrategy(),
		MinParameterEntropy:          1,
		AllowedPromptValues:          []string{},
		SanitationWhiteList:          []string{},
	}
	c.TokenEndpointHandlers.Append(codeGrant{grantHandler{i, client.GrantAuthorizationCode}})
	c.TokenEndpointHandlers.Append(refreshGrant{grantHandler{i, client.GrantRefreshToken}})
	c.TokenEndpointHandlers.Append(machineGrant{grantHandler{i, client.GrantClientCredentials}})
	return fosite.NewOAuth2Provider(fositeStore{i}, c)
}

// fositeStore lets fosite find clients.
type fositeStore struct{ i *Issuer }

var _ fosite.Storage = fositeStore{}

func (s fositeStore) GetClient(ctx context.Context, clientID string) (fosite.Client, error) {
	if v, ok := ctx.Value(clientViewKey{}).(clientView); ok && v.GetID() == clientID {
		return v, nil
	}
	return nil, fosite.ErrNotFound // clients are looked up before fosite is called
}

var errNoAssertions = errors.New("client assertions are not supported")

func (fositeStore) ClientAssertionJWTValid(context.Context, string) error { return errNoAssertions }

func (fositeStore) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return errNoAssertions
}

// noHasher stands in for bcrypt, which must never run: client secrets are compared by
// client.Client.Authenticate.
type noHasher struct{}

func (noHasher) Compare(context.Context, []byte, []byte) error {
	return errors.New("not used")
}

func (noHasher) Hash(context.Context, []byte) ([]byte, error) {
	return nil, errors.New("not used")
}

// clientView is a registration as fosite sees it. redirectURIs holds just the one URI that our
// own exact match accepted, so that fosite's looser loopback rule has nothing to add.
type clientView struct {
	client.Client
	redirectURIs []string
}

type clientViewKey struct{}

var (
	_ fosite.Client             = clientView{}
	_ fosite.ResponseModeClient = clientView{}
)

func (v clientView) GetID() string                      { return string(v.ID) }
func (v clientView) GetHashedSecret() []byte            { return nil }
func (v clientView) GetRedirectURIs() []string          { return v.redirectURIs }
func (v clientView) GetGrantTypes() fosite.Arguments    { return v.GrantTypes }
func (v clientView) GetScopes() fosite.Arguments        { return v.Scopes }
func (v clientView) IsPublic() bool                     { return v.Public() }
func (v clientView) GetAudience() fosite.Arguments      { return v.Audiences }
func (v clientView) GetResponseTypes() fosite.Arguments { return fosite.Arguments{"code"} }

func (v clientView) GetResponseModes() []fosite.ResponseModeType {
	return []fosite.ResponseModeType{fosite.ResponseModeQuery, fosite.ResponseModeFragment, fosite.ResponseModeFormPost}
}

// viewOf returns the registration behind a client that authenticateClient returned.
func viewOf(c fosite.Client) client.Client {
	v, _ := c.(clientView)
	return v.Client
}

// tokenSession carries what a grant handler found to the moment when tokens are made.
type tokenSession struct{ issue *issuance }

var _ fosite.Session = (*tokenSession)(nil)

func (*tokenSession) SetExpiresAt(fosite.TokenType, time.Time)       {}
func (*tokenSession) GetExpiresAt(fosite.TokenType) (zero time.Time) { return zero }
func (*tokenSession) GetUsername() string                            { return "" }
func (*tokenSession) GetSubject() string                             { return "" }
func (s *tokenSession) Clone() fosite.Session                        { c := *s; return &c }

// withForm returns a request whose form, parsed already, fosite uses as it is.
func withForm(r *http.Request, form map[string][]string) *http.Request {
	clone := r.WithContext(r.Context()) // a shallow copy: only what is replaced below differs
	clone.Form, clone.PostForm = form, form
	clone.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": r.Header["Authorization"],
		"Accept-Language": nil}
	return clone
}
