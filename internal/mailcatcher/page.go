package mailcatcher

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

//go:embed pages
var pageFiles embed.FS

// refresh is how often the list is loaded again, in seconds.
const refresh = 5

// letterPolicy is for the HTML of a message: it may look like something and lead somewhere, in a
// tab of its own, and do nothing else.
const letterPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"

const pagePolicy = "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Handler serves the pages: the list, each message, its HTML and its source, and
// /messages.json, which takes ?to= to show one address's. It answers under loopback names only,
// so that no page of elsewhere reads it by pointing its name here.
func (c *Catcher) Handler() (http.Handler, error) {
	funcs := template.FuncMap{"when": c.when, "clock": func(t time.Time) string { return t.Local().Format("2 January 2006, 15:04:05") }, "pieces": pieces}
	t, err := template.New("").Funcs(funcs).ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, err
	}
	style, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		return nil, err
	}
	p := &pages{catcher: c, templates: t, style: style}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.list)
	mux.HandleFunc("GET /messages.json", p.json)
	mux.HandleFunc("GET /messages/{id}", p.show)
	mux.HandleFunc("GET /messages/{id}/letter", p.letter)
	mux.HandleFunc("GET /messages/{id}/source", p.source)
	mux.HandleFunc("POST /clear", p.clear)
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(p.style)
	})
	return guard(http.NewCrossOriginProtection().Handler(mux)), nil
}

// guard refuses foreign names and sets the headers of every answer.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !loopback(r.Host) {
			http.Error(w, "This mailbox is shown on localhost only.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}

type pages struct {
	catcher   *Catcher
	templates *template.Template
	style     []byte
}

func (p *pages) list(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	p.render(w, "list.html", map[string]any{"Messages": p.messages(to), "To": to, "Refresh": refresh})
}

func (p *pages) messages(to string) []Message {
	out := []Message{}
	for _, m := range p.catcher.Messages() {
		if to == "" || m.For(to) {
			out = append(out, m)
		}
	}
	return out
}

func (p *pages) json(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(map[string]any{"messages": p.messages(r.URL.Query().Get("to"))})
}

func (p *pages) find(w http.ResponseWriter, r *http.Request) (Message, bool) {
	id, err := strconv.Atoi(r.PathValue("id"))
	m, ok := p.catcher.Find(id)
	if err != nil || !ok {
		w.WriteHeader(http.StatusNotFound)
		p.render(w, "gone.html", nil)
		return Message{}, false
	}
	return m, true
}

func (p *pages) show(w http.ResponseWriter, r *http.Request) {
	if m, ok := p.find(w, r); ok {
		p.render(w, "show.html", m)
	}
}

// letter is what the frame of a message shows. Links open in a tab of their own, since the frame
// is a sandbox.
func (p *pages) letter(w http.ResponseWriter, r *http.Request) {
	m, ok := p.find(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Security-Policy", letterPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	const base = `<base target="_blank">`
	html := m.HTML
	if i := strings.Index(strings.ToLower(html), "<head>"); i >= 0 && i+6 <= len(html) {
		html = html[:i+6] + base + html[i+6:]
	} else {
		html = base + html
	}
	_, _ = w.Write([]byte(html))
}

func (p *pages) source(w http.ResponseWriter, r *http.Request) {
	if m, ok := p.find(w, r); ok {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(m.Raw)
	}
}

func (p *pages) clear(w http.ResponseWriter, r *http.Request) {
	p.catcher.Clear()
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (p *pages) render(w http.ResponseWriter, name string, data any) {
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, data); err != nil {
		p.catcher.cfg.Log.Error("mail catcher: page", "error", err)
		http.Error(w, "This page could not be built; the log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

// when says how long ago something was.
func (c *Catcher) when(t time.Time) string {
	d := c.cfg.Now().Sub(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min ago"
	case d < 24*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h ago"
	}
	return t.Local().Format("2 Jan 15:04")
}

// piece is a stretch of text, or a link in it.
type piece struct {
	Text string
	Link string
}

// pieces splits text at its links.
func pieces(text string) []piece {
	var out []piece
	for text != "" {
		at := linkPattern.FindStringIndex(text)
		if at == nil {
			return append(out, piece{Text: text})
		}
		link := text[at[0]:at[1]]
		p := piece{Text: link}
		if u, err := url.Parse(link); err == nil && u.Host != "" {
			p.Link = link
		}
		out = append(out, piece{Text: text[:at[0]]}, p)
		text = text[at[1]:]
	}
	return out
}
