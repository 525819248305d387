package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// StaticPrefix is the path under which Renderer.Static must be mounted.
const StaticPrefix = "/static/"

//go:embed static
var staticFiles embed.FS

// assetPath is a content hash and a file name.
var assetPath = regexp.MustCompile(`^([0-9a-f]{16})/([a-z]+\.[a-z]+)$`)

type asset struct {
	hash        string
	contentType string
	body        []byte
}

// assets maps a file name to its current content.
type assets map[string]asset

func loadAssets() (assets, error) {
	types := map[string]string{
		"signet.css": "text/css; charset=utf-8",
		"signet.svg": "image/svg+xml",
		"google.svg": "image/svg+xml",
		"github.svg": "image/svg+xml",
	}
	all := assets{}
	for name, contentType := range types {
		body, err := staticFiles.ReadFile("static/" + name)
		if err != nil {
			return nil, fmt.Errorf("ui: %w", err)
		}
		sum := sha256.Sum256(body)
		all[name] = asset{hash: hex.EncodeToString(sum[:8]), contentType: contentType, body: body}
	}
	return all, nil
}

// path is the URL path of the named asset; it changes with the content.
func (a assets) path(name string) (string, error) {
	found, ok := a[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return StaticPrefix + found.hash + "/" + name, nil
}

// ProviderIcon is the path of the picture for a kind of provider, or "".
func (r *Renderer) ProviderIcon(kind string) string {
	path, err := r.assets.path(kind + ".svg")
	if err != nil || kind == "signet" {
		return ""
	}
	return path
}

// Static serves the style sheet and the logo under StaticPrefix: cacheable for ever under
// their own hash, 404 for anything else, GET and HEAD only.
//
// A known file under another hash is served uncached rather than refused: while replicas are
// being replaced one by one, a page of the new release may ask the old one for its style.
func (r *Renderer) Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		match := assetPath.FindStringSubmatch(strings.TrimPrefix(req.URL.Path, StaticPrefix))
		if match == nil {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		found, ok := r.assets[match[2]]
		if !ok {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		if match[1] == found.hash {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
			h.Set("ETag", `"`+found.hash+`"`)
		}
		h.Set("Content-Type", found.contentType)
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		// The logo is a document of its own when opened directly.
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		http.ServeContent(w, req, match[2], time.Time{}, bytes.NewReader(found.body))
	})
}
