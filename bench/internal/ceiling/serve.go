package ceiling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/postgres"
)

// maxConns is the product's default for connections to the database.
const maxConns = 10

// Run reads a Config from in, serves it on a port of loopback, writes the address to out as a
// line of its own, and goes on until ctx ends. It is the whole life of the ceiling's process.
func Run(ctx context.Context, in io.Reader, out io.Writer) error {
	var c Config
	if err := json.NewDecoder(in).Decode(&c); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	h, err := newHandler(ctx, c)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return err
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type handler struct {
	answers []*prepared
	store   *store
	signer  *signer
}

// prepared is an answer with what is the same each time.
type prepared struct {
	Answer
	header  http.Header
	padding string
	token   string // to check
}

func newHandler(ctx context.Context, c Config) (*handler, error) {
	h := &handler{}
	var err error
	if h.signer, err = newSigner(); err != nil {
		return nil, err
	}
	if c.Database != "" {
		db, err := postgres.Open(ctx, postgres.Config{URL: c.Database, MaxConns: maxConns})
		if err != nil {
			return nil, err
		}
		if h.store, err = newStore(db.Grants(), c); err != nil {
			return nil, err
		}
	}
	for _, a := range c.Answers {
		p := &prepared{Answer: a, header: http.Header{}}
		if a.ContentType != "" {
			p.header.Set("Content-Type", a.ContentType)
		}
		if a.Size > 0 { // else net/http sends what is larger than its buffer in chunks
			p.header.Set("Content-Length", strconv.Itoa(a.Size))
		}
		if a.Location != "" {
			p.header.Set("Location", a.Location)
		}
		if a.Verify > 0 {
			if p.token, err = h.signer.sign(a.Verify); err != nil {
				return nil, err
			}
		}
		if err := p.pad(h); err != nil {
			return nil, err
		}
		h.answers = append(h.answers, p)
	}
	return h, nil
}

// body is the JSON of every answer: the tokens and, in padding, the size of all else.
type body struct {
	AccessToken string `json:"access_token,omitempty"`
	IDToken     string `json:"id_token,omitempty"`
	Padding     string `json:"padding"`
}

// pad finds the padding that gives the body its size.
func (p *prepared) pad(h *handler) error {
	if p.Fixed != nil || p.Size == 0 {
		return nil
	}
	b, err := p.body(h)
	if err != nil {
		return err
	}
	if len(b) > p.Size {
		return fmt.Errorf("%s: the answer without padding has %d bytes and needs %d", p.Path, len(b), p.Size)
	}
	p.padding = strings.Repeat("x", p.Size-len(b))
	return nil
}

func (p *prepared) body(h *handler) ([]byte, error) {
	v := body{Padding: p.padding}
	var err error
	for i, size := range p.Payloads {
		into := &v.AccessToken
		if i > 0 {
			into = &v.IDToken
		}
		if *into, err = h.signer.sign(size); err != nil {
			return nil, err
		}
	}
	return json.Marshal(v)
}

// ServeHTTP answers. What is not asked for by the recorded requests has no place here.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, p := range h.answers {
		if p.Path == r.URL.Path {
			if err := h.serve(w, r, p); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
			return
		}
	}
	http.NotFound(w, r)
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request, p *prepared) error {
	if r.ContentLength > 0 {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return err
		}
	}
	if p.Statement != "" {
		if err := h.store.do(r.Context(), p.Statement); err != nil {
			return err
		}
	}
	if p.token != "" {
		if err := h.signer.verify(p.token); err != nil {
			return err
		}
	}
	b := p.Fixed
	if b == nil && p.Size > 0 {
		var err error
		if b, err = p.body(h); err != nil {
			return err
		}
	}
	header := w.Header()
	for k, v := range p.header {
		header[k] = v
	}
	w.WriteHeader(p.Status)
	_, err := w.Write(b)
	if errors.Is(err, http.ErrBodyNotAllowed) { // 304
		return nil
	}
	return err
}
