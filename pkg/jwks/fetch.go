package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxETag is the size in bytes up to which an entity tag is sent back.
const maxETag = 1 << 10

// fetch asks for the document, or whether the one before (nil if there is none) is still right. It
// returns what is to be used from now on.
func (s *Set) fetch(before *document) (*document, error) {
	ctx, cancel := context.WithTimeoutCause(s.ctx, FetchTimeout, ErrTimeout)
	defer cancel()
	d, err := s.ask(ctx, before)
	if err == nil {
		return d, nil
	}
	var n net.Error
	switch {
	case s.ctx.Err() != nil:
		err = context.Cause(s.ctx)
	case errors.Is(context.Cause(ctx), ErrTimeout), errors.As(err, &n) && n.Timeout():
		err = fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return nil, fmt.Errorf("fetch %s: %w", s.cfg.URL, err)
}

func (s *Set) ask(ctx context.Context, before *document) (*document, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json;q=0.9")
	req.Header.Set("User-Agent", "signet-jwks")
	if before != nil && before.etag != "" {
		req.Header.Set("If-None-Match", before.etag)
	}
	// The time of the request, not of the response, which may have been old on arrival (RFC 9111
	// §4.2.3).
	asked := s.now()
	res, err := s.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the rest is said by the caller
		}
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()

	var d *document
	switch {
	case res.StatusCode == http.StatusOK:
		d, err = s.read(res, before)
	case res.StatusCode == http.StatusNotModified && before != nil && before.etag != "":
		d = renew(res.Header, before)
	case res.StatusCode >= 300 && res.StatusCode <= 399 && res.Header.Get("Location") != "":
		return nil, fmt.Errorf("%w to %.200q, which is not followed: set the URL of the document itself", ErrRedirect, res.Header.Get("Location"))
	default:
		return nil, fmt.Errorf("%w: status %d", ErrStatus, res.StatusCode)
	}
	if err != nil {
		return nil, err
	}
	age := readAge(res.Header)
	d.asked, d.age, d.fresh, d.usable = asked, age, d.lifetime.fresh(age, s.least), d.lifetime.usable(age, s.least)
	return d, nil
}

// read returns the document in a response 200.
func (s *Set) read(res *http.Response, before *document) (*document, error) {
	// What is counted here is decompressed already.
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxDocumentSize+1))
	if err != nil && len(body) <= MaxDocumentSize {
		return nil, err
	}
	d, skipped, err := parse(body)
	if err != nil {
		return nil, err
	}
	for _, why := range skipped {
		s.log.Debug("jwks: a key is passed over", "url", s.cfg.URL, "why", why)
	}
	d.keep(before)
	d.lifetime = readLifetime(res.Header)
	d.etag = sendable(res.Header.Get("ETag"))
	return d, nil
}

// sendable returns an entity tag as it is to be sent back; "" if it cannot be (RFC 9110 §8.8.3).
func sendable(etag string) string {
	opaque := strings.TrimPrefix(etag, "W/")
	if len(etag) > maxETag || len(opaque) < 2 || opaque[0] != '"' || opaque[len(opaque)-1] != '"' {
		return ""
	}
	for _, c := range []byte(opaque[1 : len(opaque)-1]) {
		if c <= ' ' || c == '"' || c == 0x7f {
			return ""
		}
	}
	return etag
}

// renew returns the document that a response 304 confirmed. Headers it does not carry stay as they
// were (RFC 9111 §3.2).
func renew(h http.Header, before *document) *document {
	d := *before
	if l := readLifetime(h); l.stated {
		d.lifetime = l
	}
	return &d
}
