package adminclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The bounds of what is read, in bytes.
const (
	maxAnswer  = 32 << 20
	maxProblem = 1 << 20
)

// DefaultTimeout bounds one request, from dialling to the end of the answer, when the client's
// HTTPClient is nil.
const DefaultTimeout = time.Minute

// userAgent is sent unless the client has another.
const userAgent = "signet-adminclient"

// Client calls one installation. Fill in the fields before its first use and leave them then; it
// is safe for concurrent use.
type Client struct {
	// BaseURL is where the installation is, as in "https://id.example.com": its issuer, unless the
	// administration is served elsewhere. http is for loopback only, because tokens are sent there.
	BaseURL string
	// Token returns the access token to send, for the audience "urn:signet:admin". rejected is "",
	// or the token that was just answered with 401: then another is wanted, and an error ends the
	// call. It is called for every request and should remember what it returned.
	Token func(ctx context.Context, rejected string) (string, error)
	// HTTPClient sends the requests; nil stands for one with DefaultTimeout. Redirects are never
	// followed: they would take the token elsewhere.
	HTTPClient *http.Client
	// UserAgent is sent with every request; "" stands for the package's own.
	UserAgent string
}

// call is one request before it is sent.
type call struct {
	method, path string
	query        url.Values
	body         any       // sent as JSON; nil for none
	stream       io.Reader // sent as it is, of the media type
	media        string
	opts         []Option
}

// do sends a call and decodes its answer into out, which is nil when there is none.
func (c *Client) do(ctx context.Context, r call, out any) (etag string, err error) {
	res, err := c.send(ctx, r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if out == nil {
		return res.Header.Get("ETag"), nil
	}
	if media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); media != "application/json" {
		return "", fmt.Errorf("%s %s: answered with %q, want application/json: is BaseURL the administration's?", r.method, r.path, media)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	if len(b) > maxAnswer {
		return "", fmt.Errorf("%s %s: the answer is longer than %d bytes", r.method, r.path, maxAnswer)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber() // attributes keep every digit
	if err := dec.Decode(out); err != nil {
		return "", fmt.Errorf("%s %s: the answer: %w", r.method, r.path, err)
	}
	return res.Header.Get("ETag"), nil
}

// open sends a call whose answer is no JSON; the caller closes it.
func (c *Client) open(ctx context.Context, r call) (io.ReadCloser, error) {
	res, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// send sends a call, once more with another token when the first one is refused, and turns every
// answer that is no success into a *Problem.
func (c *Client) send(ctx context.Context, r call) (*http.Response, error) {
	if c.Token == nil {
		return nil, errors.New("adminclient: Client.Token is nil")
	}
	base, err := baseURL(c.BaseURL)
	if err != nil {
		return nil, err
	}
	payload, err := r.payload()
	if err != nil {
		return nil, err
	}
	token, err := c.Token(ctx, "")
	if err != nil {
		return nil, err
	}
	res, err := c.attempt(ctx, base, r, payload, token)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusUnauthorized && r.stream == nil {
		first := problemOf(res)
		_ = res.Body.Close()
		if token, err = c.Token(ctx, token); err != nil {
			return nil, errors.Join(err, first)
		}
		if res, err = c.attempt(ctx, base, r, payload, token); err != nil {
			return nil, err
		}
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		defer func() { _ = res.Body.Close() }()
		return nil, problemOf(res)
	}
	return res, nil
}

func (r call) payload() ([]byte, error) {
	if r.body == nil {
		return nil, nil
	}
	b, err := json.Marshal(r.body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	return b, nil
}

func (c *Client) attempt(ctx context.Context, base string, r call, payload []byte, token string) (*http.Response, error) {
	target := base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	body := r.stream
	if r.body != nil {
		body = bytes.NewReader(payload)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("User-Agent", userAgent)
	if c.UserAgent != "" {
		req.Header.Set("User-Agent", c.UserAgent)
	}
	switch {
	case r.stream != nil:
		req.Header.Set("Content-Type", r.media)
	case r.body != nil:
		req.Header.Set("Content-Type", "application/json")
	}
	for _, o := range r.opts {
		o(req)
	}
	return c.httpClient().Do(req) // its errors name the URL, which holds no secret
}

func (c *Client) httpClient() *http.Client {
	own := http.Client{Timeout: DefaultTimeout}
	if c.HTTPClient != nil {
		own = *c.HTTPClient
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// baseURL checks where tokens would be sent and returns it without a trailing slash.
func baseURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("adminclient: BaseURL %q is no URL such as https://id.example.com", text)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return "", fmt.Errorf("adminclient: BaseURL %q: use https; http is for this machine only", text)
	}
	return strings.TrimSuffix(text, "/"), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// segment returns text as one segment of a path. Client ids may hold any printable character, and
// a segment of dots alone would be taken for a step in the path (RFC 3986 §5.2.4).
func segment(text string) string {
	if text == "." || text == ".." {
		return strings.ReplaceAll(text, ".", "%2E")
	}
	return url.PathEscape(text)
}
