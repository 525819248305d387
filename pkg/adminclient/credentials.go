package adminclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Audience is the audience of the access tokens that the administration takes.
const Audience = "urn:signet:admin"

// tokenMargin is how long before its expiry a token is replaced: a request takes time, and clocks
// differ.
const tokenMargin = 30 * time.Second

// Machine is a client that administers by itself, with the client credentials grant (RFC 6749
// §4.4). Register it with the audience "urn:signet:admin" and, as scopes, what it may do there.
type Machine struct {
	// Issuer is the installation's issuer, as in "https://id.example.com".
	Issuer string
	// ClientID and ClientSecret are those of the registration.
	ClientID, ClientSecret string
	// Scopes are asked for; nil stands for all that the client is registered with.
	Scopes []string
	// HTTPClient fetches tokens; nil stands for one with DefaultTimeout.
	HTTPClient *http.Client
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
}

// ClientCredentials returns a source for Client.Token that keeps its access token until shortly
// before it expires. Whoever calls while another is fetching waits for that one's.
func ClientCredentials(m Machine) (func(ctx context.Context, rejected string) (string, error), error) {
	issuer, err := baseURL(m.Issuer)
	if err != nil {
		return nil, err
	}
	if m.ClientID == "" || m.ClientSecret == "" {
		return nil, errors.New("adminclient: Machine needs a client id and its secret")
	}
	if m.Now == nil {
		m.Now = time.Now //nolint:forbidigo // the clock that is injected by default
	}
	s := &machineSource{Machine: m, endpoint: issuer + "/token", turn: make(chan struct{}, 1)}
	return s.token, nil
}

// StaticToken returns a source for Client.Token that has one token and no other.
func StaticToken(token string) func(ctx context.Context, rejected string) (string, error) {
	return func(_ context.Context, rejected string) (string, error) {
		if rejected != "" {
			return "", errors.New("the access token was not accepted, and there is no other")
		}
		return token, nil
	}
}

type machineSource struct {
	Machine
	endpoint string
	turn     chan struct{} // held by whoever fetches

	mu      sync.Mutex
	current string
	until   time.Time
}

func (s *machineSource) kept(rejected string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok := s.current != "" && s.current != rejected && s.Now().Before(s.until)
	return s.current, ok
}

func (s *machineSource) token(ctx context.Context, rejected string) (string, error) {
	if token, ok := s.kept(rejected); ok {
		return token, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if token, ok := s.kept(rejected); ok { // somebody else fetched it meanwhile
		return token, nil
	}
	asked := s.Now()
	token, lifetime, err := s.fetch(ctx)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.until = token, asked.Add(lifetime-min(tokenMargin, lifetime/2))
	return token, nil
}

func (s *machineSource) fetch(ctx context.Context) (token string, lifetime time.Duration, err error) {
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {Audience}}
	if len(s.Scopes) > 0 {
		form.Set("scope", strings.Join(s.Scopes, " "))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", userAgent)
	// Form-encoded first (RFC 6749 §2.3.1): ids and secrets may hold anything.
	req.SetBasicAuth(url.QueryEscape(s.ClientID), url.QueryEscape(s.ClientSecret))
	c := Client{HTTPClient: s.HTTPClient}
	res, err := c.httpClient().Do(req)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, maxProblem)).Decode(&answer)
	if res.StatusCode != http.StatusOK || err != nil || answer.AccessToken == "" {
		return "", 0, fmt.Errorf("no access token for the client %s: the server answered %d %s", s.ClientID, res.StatusCode,
			strings.TrimSpace(answer.Error+" "+answer.Description))
	}
	return answer.AccessToken, time.Duration(answer.ExpiresIn) * time.Second, nil
}
