package ui

import (
	"html/template"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/idna"
)

// Schemes that a browser runs or resolves itself. Everything else is an application's own
// scheme (RFC 8252 §7.1) and safe to hand to the operating system.
const refusedSchemes = " about blob content data file filesystem ftp ftps intent jar javascript mailto" +
	" resource tel vbscript view-source ws wss chrome chrome-extension moz-extension edge "

// cspHost matches what the host-source grammar can carry (CSP3 §2.3.1): no IPv6 literal, no
// semicolon, no quote.
var cspHost = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$`)

// schemeName is RFC 3986 §3.1.
var schemeName = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)

// parseTarget accepts http, https and private-use redirect targets.
func parseTarget(raw string) (*url.URL, bool) {
	u, err := url.Parse(raw)
	if err != nil || !schemeName.MatchString(u.Scheme) || strings.Contains(refusedSchemes, " "+u.Scheme+" ") {
		return nil, false
	}
	return u, true
}

func isWeb(u *url.URL) bool { return u.Scheme == "https" || u.Scheme == "http" }

// safeURL returns raw for use in href or action, or "" when it must not be followed.
// html/template would turn a private-use scheme into #ZgotmplZ, hence the check of our own.
func safeURL(raw string) template.URL {
	if isPath(raw) {
		return template.URL(raw)
	}
	u, ok := parseTarget(raw)
	if !ok || (isWeb(u) && u.Host == "") {
		return ""
	}
	return template.URL(raw)
}

// httpsURL is safeURL for links to somebody else's documents: https only.
func httpsURL(raw string) template.URL {
	if u, ok := parseTarget(raw); ok && u.Scheme == "https" && u.Host != "" {
		return template.URL(raw)
	}
	return ""
}

// isPath reports whether raw stays on this issuer: "//host" and "/\host" do not.
func isPath(raw string) bool {
	if !strings.HasPrefix(raw, "/") || strings.HasPrefix(raw, "//") || strings.ContainsAny(raw, "\\\t\r\n") {
		return false
	}
	return true
}

// formSource turns a redirect target into a CSP source expression. Hosts that the grammar
// cannot carry fall back to their scheme, because a policy that blocks the redirect would
// leave people with a button that does nothing.
func formSource(raw string) (string, bool) {
	u, ok := parseTarget(raw)
	if !ok {
		return "", false
	}
	if isWeb(u) && cspHost.MatchString(u.Host) {
		return u.Scheme + "://" + strings.ToLower(u.Host), true
	}
	return u.Scheme + ":", true
}

// destination is how a redirect target is shown to a person: the host for the web (in its
// ASCII form, so that look-alike letters show), the scheme for an installed application.
func destination(raw string) (host, app string) {
	u, ok := parseTarget(raw)
	switch {
	case !ok:
		return "", ""
	case !isWeb(u):
		return "", u.Scheme
	}
	if ascii, err := idna.Lookup.ToASCII(u.Hostname()); err == nil {
		if port := u.Port(); port != "" {
			ascii += ":" + port
		}
		return ascii, ""
	}
	return u.Host, ""
}
