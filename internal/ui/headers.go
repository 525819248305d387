package ui

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// Policy is the content security policy of a hosted page whose forms post to this issuer and
// may be redirected to formTargets (see Frame.FormTargets; unsafe ones are left out).
func Policy(formTargets ...string) string { return policy(true, formTargets, "") }

func policy(self bool, formTargets []string, script string) string {
	var forms []string
	if self {
		forms = append(forms, "'self'")
	}
	for _, raw := range formTargets {
		if source, ok := formSource(raw); ok && !slices.Contains(forms, source) {
			forms = append(forms, source)
		}
	}
	if len(forms) == 0 {
		forms = []string{"'none'"}
	}
	directives := []string{
		"default-src 'none'",
		"style-src 'self'",
		"img-src 'self'",
		"form-action " + strings.Join(forms, " "),
		"frame-ancestors 'none'",
		"base-uri 'none'",
	}
	if script != "" {
		sum := sha256.Sum256([]byte(script))
		directives = append(directives, "script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	return strings.Join(directives, "; ")
}

// setHeaders writes the headers every hosted page carries.
func setHeaders(h http.Header, m meta) {
	h.Set("Content-Security-Policy", policy(m.forms, m.formTarget, m.script))
	h.Set("Cache-Control", "no-store")
	// no-referrer would make Chromium send "Origin: null" on form posts, which a cross-origin
	// check has to refuse.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Permissions-Policy", "accelerometer=(), browsing-topics=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	// A page that an application may have opened in a pop-up must keep its opener: the
	// application's callback, next in the same window, reports back through it.
	if m.ownWindow {
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
}
