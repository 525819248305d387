package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Config says whose pages these are.
type Config struct {
	// Product is the name in the header and the window title. Empty means "Signet".
	Product string
	// Issuer is the issuer URL; pages show its host so that people can see where they are.
	Issuer string
	// Text is the catalog of words. The zero value means English().
	Text Text
}

// Renderer writes pages. It is safe for concurrent use and never changes after New.
type Renderer struct {
	product    string
	issuerHost string
	text       Text
	assets     assets
	pages      map[string]*template.Template
}

// New parses every template at once, so that a broken one stops the program at its start.
func New(cfg Config) (*Renderer, error) {
	r := &Renderer{product: cfg.Product, text: cfg.Text, pages: map[string]*template.Template{}}
	if r.product == "" {
		r.product = "Signet"
	}
	if r.text == (Text{}) {
		r.text = English()
	}
	issuer, err := url.Parse(cfg.Issuer)
	if err != nil || issuer.Host == "" {
		return nil, fmt.Errorf("ui: the issuer %q is not an absolute URL", cfg.Issuer)
	}
	r.issuerHost = issuer.Host
	if r.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	base, err := template.New("base").Funcs(r.funcs()).ParseFS(templateFiles,
		"templates/layout.html", "templates/parts.html", "templates/icons.html")
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	for _, name := range pageNames() {
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, "templates/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("ui: page %s: %w", name, err)
		}
		r.pages[name] = t
	}
	return r, nil
}

// sheet is what every template sees.
type sheet struct {
	Text    *Text
	Page    Page
	Product string
	Host    string
	Title   string
	Lang    string
	Dir     Direction
	Wide    bool
}

// Render writes p with the given status and the headers a hosted page needs. The page is
// built in memory first: a failure yields a plain 500, never half a page, and is returned so
// that the caller can log it. A failure to write to a browser that went away is not reported.
func (r *Renderer) Render(w http.ResponseWriter, status int, p Page) error {
	body, m, err := r.build(p)
	if err != nil {
		setHeaders(w.Header(), meta{})
		http.Error(w, "Something went wrong on our side. Please try again.", http.StatusInternalServerError)
		return fmt.Errorf("ui: rendering %T: %w", p, err)
	}
	h := w.Header()
	setHeaders(h, m)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if m.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(wholeSeconds(m.retryAfter)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
	return nil
}

func (r *Renderer) build(p Page) ([]byte, meta, error) {
	if p == nil {
		return nil, meta{}, fmt.Errorf("no page")
	}
	m, err := p.describe(&r.text)
	if err != nil {
		return nil, meta{}, err
	}
	title := m.title + " – " + r.product
	if m.failed {
		title = r.text.Common.ErrorPrefix + title
	}
	data := sheet{
		Text: &r.text, Page: p, Product: r.product, Host: r.issuerHost, Title: title,
		Lang: m.frame.Lang, Dir: m.frame.Dir, Wide: m.wide,
	}
	if data.Lang == "" {
		data.Lang = "en"
	}
	if data.Dir == "" {
		data.Dir = LTR
	}
	var buf bytes.Buffer
	if err := r.pages[m.template].ExecuteTemplate(&buf, "layout", data); err != nil {
		return nil, meta{}, err
	}
	return buf.Bytes(), m, nil
}

// wholeSeconds rounds up: a browser told to wait 0.4 s must not come back at once.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
