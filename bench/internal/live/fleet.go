package live

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/signet-id/signet/bench/internal/rig"
)

// Fleet is the replicas of one installation.
type Fleet struct {
	config   rig.ServerConfig
	ports    []int
	replicas []*rig.Server // nil: not running
	balancer *Balancer
	client   *http.Client
}

// issueTimeout bounds the request for a token.
const issueTimeout = 5 * time.Second

// StartFleet starts n replicas, the first alone, because it makes the keys. c says what all of them have
// in common.
func StartFleet(ctx context.Context, c rig.ServerConfig, n int) (*Fleet, error) {
	f := &Fleet{config: c, replicas: make([]*rig.Server, n), client: &http.Client{
		Timeout: issueTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 32, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext},
	}}
	var addresses []string
	for range n {
		port, err := rig.FreePort(ctx)
		if err != nil {
			return nil, err
		}
		f.ports = append(f.ports, port)
		addresses = append(addresses, "127.0.0.1:"+strconv.Itoa(port))
	}
	var err error
	if f.balancer, err = StartBalancer(ctx, addresses); err != nil {
		return nil, err
	}
	f.config.Issuer = f.balancer.URL
	return f, f.startAll(ctx)
}

func (f *Fleet) startAll(ctx context.Context) error {
	for i := range f.replicas {
		if err := f.Start(ctx, i); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return nil
}

// Start starts the i-th replica, at the address it always has.
func (f *Fleet) Start(ctx context.Context, i int) error {
	c := f.config
	c.Port, c.Dir = f.ports[i], filepath.Join(c.Dir, fmt.Sprintf("replica-%d", i))
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("make room for a replica: %w", err)
	}
	s, err := rig.StartServer(ctx, c)
	if err != nil {
		return fmt.Errorf("replica %d: %w", i, err)
	}
	f.replicas[i] = s
	return nil
}

// Kill ends the i-th replica as a crash does.
func (f *Fleet) Kill(i int) error { return f.replicas[i].Kill() }

// Restart ends all replicas and starts them with other settings.
func (f *Fleet) Restart(ctx context.Context, settings []string) error {
	if err := f.stop(); err != nil {
		return err
	}
	f.config.Settings = settings
	return f.startAll(ctx)
}

func (f *Fleet) stop() (err error) {
	for i, s := range f.replicas {
		if s != nil {
			err = errors.Join(err, s.Stop())
			f.replicas[i] = nil
		}
	}
	return err
}

// Close ends everything.
func (f *Fleet) Close() error {
	f.client.CloseIdleConnections()
	return errors.Join(f.stop(), f.balancer.Close())
}

// Size is how many replicas there are, dead ones included.
func (f *Fleet) Size() int { return len(f.replicas) }

// Issuer is the address that tokens name and keys are fetched from.
func (f *Fleet) Issuer() string { return f.balancer.URL }

// Balancer is what stands before the replicas.
func (f *Fleet) Balancer() *Balancer { return f.balancer }

// Log is the end of what a replica logged.
func (f *Fleet) Log(i int) string {
	if f.replicas[i] == nil {
		return ""
	}
	return f.replicas[i].LogTail()
}

func (f *Fleet) address(i int) string { return "http://127.0.0.1:" + strconv.Itoa(f.ports[i]) }

// Issue asks the i-th replica for a token.
func (f *Fleet) Issue(ctx context.Context, i int, k Kind) (Token, error) {
	raw, err := f.grant(ctx, i, string(machine), machineSecret().Reveal(), url.Values{"resource": {k.Audience}})
	if err != nil {
		return Token{}, err
	}
	t := Token{Kind: k, Raw: raw, Replica: i, Issued: time.Now()}
	if err := t.read(); err != nil {
		return Token{}, err
	}
	return t, nil
}

// grant returns an access token of a client for itself.
func (f *Fleet) grant(ctx context.Context, i int, id, password string, more url.Values) (string, error) {
	more.Set("grant_type", "client_credentials")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.address(i)+"/token", strings.NewReader(more.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, password)
	var body struct {
		Token  string `json:"access_token"`
		Error  string `json:"error"`
		Detail string `json:"error_description"`
	}
	status, err := f.exchange(req, &body)
	if err != nil {
		return "", err
	}
	if status != http.StatusOK || body.Token == "" {
		return "", fmt.Errorf("no token: status %d, %s %s", status, body.Error, body.Detail)
	}
	return body.Token, nil
}

// exchange sends a request and reads the JSON of the answer, if there is any.
func (f *Fleet) exchange(req *http.Request, into any) (status int, err error) {
	res, err := f.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if len(b) > 0 && into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			return 0, fmt.Errorf("status %d: %w", res.StatusCode, err)
		}
	}
	return res.StatusCode, nil
}

// read fills in what the token says of itself.
func (t *Token) read() error {
	var head struct {
		KeyID     string `json:"kid"`
		Algorithm string `json:"alg"`
	}
	var claims struct {
		Expires int64 `json:"exp"`
	}
	part := strings.Split(t.Raw, ".")
	if len(part) != 3 {
		return errors.New("what was issued is no JWS")
	}
	for i, into := range []any{&head, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(part[i])
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			return fmt.Errorf("what was issued cannot be read: %w", err)
		}
	}
	if head.Algorithm != string(t.Algorithm) {
		return fmt.Errorf("a token for %s is signed with %s, not %s", t.Audience, head.Algorithm, t.Algorithm)
	}
	t.KeyID, t.Expires = head.KeyID, time.Unix(claims.Expires, 0)
	return nil
}
