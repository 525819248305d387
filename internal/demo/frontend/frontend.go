// Package frontend is a demonstration of a single-page application behind Signet: it signs
// people in with an authorization code and PKCE, calls the orders service, refreshes in several
// tabs at once and signs out.
//
// It is an outside application and imports nothing of this project. The Go side only serves
// files under a strict policy; the application is static/app.js, and static/auth.js is the part
// to read before writing one's own.
package frontend

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var embedded embed.FS

// Config is what New needs. All fields are required.
type Config struct {
	Issuer        string // URL, byte for byte as in tokens
	ClientID      string
	Origin        string // of this application, as browsers write it
	Orders        string // URL of the orders service
	Audience      string // of the orders service
	Organizations []Organization
}

// Organization is a choice on the sign-in form.
type Organization struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// pages are the paths that show the application.
var pages = map[string]bool{"/": true, "/callback": true}

// New returns the application.
func New(c Config) http.Handler {
	settings, err := json.Marshal(map[string]any{
		"issuer": c.Issuer, "clientId": c.ClientID, "redirectUri": c.Origin + "/callback", "homeUri": c.Origin + "/",
		"orders": c.Orders, "audience": c.Audience, "organizations": c.Organizations,
	})
	if err != nil {
		panic(err) // strings always marshal
	}
	static, err := fs.Sub(embedded, "static")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
		"connect-src 'self' " + c.Issuer + " " + c.Orders,
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
		"require-trusted-types-for 'script'", "trusted-types 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		// The callback's URL holds a code: it must not travel on.
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
			return
		}
		name, content := strings.TrimPrefix(r.URL.Path, "/"), settings
		if pages[r.URL.Path] {
			name = "index.html"
		}
		if name != "config.json" {
			b, err := fs.ReadFile(static, name)
			if err != nil {
				http.NotFound(w, r)
				return
			}
			content = b
		}
		serve(w, r, name, content)
	})
}

// serve answers with a file that browsers keep but ask about each time.
func serve(w http.ResponseWriter, r *http.Request, name string, content []byte) {
	sum := sha256.Sum256(content)
	h := w.Header()
	h.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	h.Set("Cache-Control", "no-cache")
	types := map[string]string{
		".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
		".json": "application/json", ".svg": "image/svg+xml",
	}
	h.Set("Content-Type", types[path.Ext(name)])
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}
