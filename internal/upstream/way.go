package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/outbound"
	"github.com/signet-id/signet/internal/secret"
)

// maxAnswer bounds what is read of an answer, in bytes. The largest are discovery documents and
// token responses, which have some thousands.
const maxAnswer = 256 << 10

// way is what it takes to ask one provider.
type way struct {
	connector connector.Connector
	secret    secret.Text // of the client; empty: it is public
	url       string      // our issuer identifier
	client    *http.Client
	patience  time.Duration
	observer  Observer // nil: nobody
	now       func() time.Time
	log       *slog.Logger
}

func (w *way) redirectURI() string { return w.url + w.connector.CallbackPath() }

// get asks for a document. The error is that no answer could be had; any status is one.
func (w *way) get(ctx context.Context, request, address string, header http.Header) (status int, h http.Header, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, nil, connector.Fail(connector.Metadata, err, "%.200q is no URL", address)
	}
	req.Header.Set("Accept", "application/json")
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := w.observed(request, w.client.Transport).RoundTrip(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, _ = io.ReadAll(res.Body) // was read already
	return res.StatusCode, res.Header, body, nil
}

// observed returns a transport that reads the whole answer while the clock runs, and whose errors
// are *connector.Failure.
func (w *way) observed(request string, base http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		began := w.now()
		res, err := base.RoundTrip(req)
		var body []byte
		if err == nil {
			body, err = outbound.ReadBody(res, maxAnswer)
		}
		if w.observer != nil {
			w.observer.UpstreamRequest(w.connector.Reference, request, w.now().Sub(began))
		}
		if err != nil {
			return nil, w.noAnswer(req.URL.Host, err)
		}
		res.Body = io.NopCloser(bytes.NewReader(body))
		return res, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// noAnswer says in words why a request has no answer. It does not say which address a name has:
// whoever declares a connector is not to learn what names mean inside of the operator's network.
func (w *way) noAnswer(host string, err error) error {
	var n net.Error
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, outbound.ErrPrivate):
		return connector.Fail(connector.Metadata, err, "%s has an address that is not public, and this server does not connect to those: if it is meant to, its operator lists the address in outbound.allow", host)
	case errors.Is(err, outbound.ErrScheme):
		return connector.Fail(connector.Metadata, err, "%s is not asked, because only https is used", host)
	case errors.Is(err, outbound.ErrTooLarge):
		return connector.Fail(connector.BadAnswer, err, "the answer of %s is larger than %d bytes", host, maxAnswer)
	case errors.As(err, &certificate):
		return connector.Fail(connector.Unreachable, err, "the certificate of %s is not accepted: it has to be valid for that name, and issued by an authority that this server trusts", host)
	case errors.As(err, &dns) && dns.IsNotFound:
		return connector.Fail(connector.Unreachable, err, "there is no host %s", host)
	case errors.Is(err, context.Canceled):
		return connector.Fail(connector.Unreachable, err, "nobody waits for %s any more", host)
	case errors.As(err, &n) && n.Timeout():
		return connector.Fail(connector.Unreachable, err, "%s did not answer within %s", host, w.patience)
	}
	return connector.Fail(connector.Unreachable, err, "no connection to %s can be made", host)
}

// quote returns what a provider wrote as part of a text: on one line, of bounded length, and without
// what is secret, should it be repeated there.
func (w *way) quote(s string, secrets ...string) string {
	for _, hidden := range append(secrets, w.reveal()) {
		if hidden != "" {
			s = strings.ReplaceAll(s, hidden, "…")
			s = strings.ReplaceAll(s, url.QueryEscape(hidden), "…")
		}
	}
	return clip(s)
}

func (w *way) reveal() string {
	if w.secret.Empty() {
		return ""
	}
	return w.secret.Reveal()
}

const maxQuote = 300 // bytes

func clip(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) > maxQuote {
		s = s[:maxQuote]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
		s += "…"
	}
	return fmt.Sprintf("%q", s)
}

// plain reports whether s is text of 1 to limit bytes without control characters.
func plain(s string, limit int) bool {
	return s != "" && len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
