package telemetry

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is every metric of the program, in a registry of its own. Its methods are safe for
// concurrent use. Label values come from small fixed sets: never pass what a caller of the
// service chose (a tenant, a client id, a path).
type Metrics struct {
	registry *prometheus.Registry

	httpRequests *prometheus.CounterVec
	httpDuration *prometheus.HistogramVec
	httpInFlight prometheus.Gauge

	seriesMu sync.Mutex                          // of who replaces series
	series   atomic.Pointer[map[series]*counted] // what each request would look up again

	tokens         *prometheus.CounterVec
	signIns        *prometheus.CounterVec
	refreshes      *prometheus.CounterVec
	authorizations *prometheus.CounterVec
	hashDuration   *prometheus.HistogramVec
	hashRefused    prometheus.Counter
	omitted        prometheus.Counter
	claimsOmitted  *prometheus.CounterVec
	mail           *prometheus.CounterVec
	keySteps       *prometheus.CounterVec
	upstream       upstream
}

// Build identifies the running program.
type Build struct{ Version, Revision, GoVersion string }

// NewMetrics returns the metrics with build's labels on signet_build_info.
func NewMetrics(build Build) *Metrics {
	r := prometheus.NewRegistry()
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	m := &Metrics{
		registry:     r,
		upstream:     newUpstream(r),
		httpRequests: counter("signet_http_requests_total", "Requests on the public listener, by route pattern.", "route", "method", "code"),
		httpDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "signet_http_request_duration_seconds",
			Help:    "Time from a request's headers to the end of its response.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method"}),
		httpInFlight:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "signet_http_requests_in_flight", Help: "Requests being served on the public listener."}),
		tokens:         counter("signet_tokens_issued_total", "Tokens issued, by grant type and kind of token.", "grant_type", "kind"),
		signIns:        counter("signet_sign_ins_total", "Attempts to sign in with a password, by result.", "result"),
		refreshes:      counter("signet_refresh_total", "Uses of refresh tokens: rotated, switched (to another tenant), retried (within the window), reused (family revoked) or rejected.", "result"),
		authorizations: counter("signet_authorizations_total", "Authorization requests that came to an end, by result.", "result"),
		mail:           counter("signet_mail_total", "Attempts to send a message, by kind of message and result: sent, postponed or given_up.", "kind", "result"),
		keySteps:       counter("signet_signing_key_steps_total", "Steps of the rotation of signing keys that this replica made, by step.", "step"),
		hashDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "signet_password_hash_duration_seconds",
			Help:    "Time to compute one password hash, waiting excluded.",
			Buckets: []float64{.01, .025, .05, .1, .2, .4, .8, 1.6, 3.2},
		}, []string{"algorithm"}),
		hashRefused:   prometheus.NewCounter(prometheus.CounterOpts{Name: "signet_password_hash_refused_total", Help: "Sign-ins turned away because the queue for password hashes was full."}),
		claimsOmitted: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "signet_token_claims_omitted_total", Help: "Tokens issued without one or more declared claims, by reason: the size budget, or a claim that failed or was too large."}, []string{"reason"}),
		omitted:       prometheus.NewCounter(prometheus.CounterOpts{Name: "signet_token_permissions_omitted_total", Help: "Access tokens over the size budget, issued without their permissions."}),
	}
	m.series.Store(&map[series]*counted{})
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "signet_build_info", Help: "Always 1; the labels identify the running program."}, []string{"version", "revision", "go_version"})
	info.WithLabelValues(build.Version, build.Revision, build.GoVersion).Set(1)
	r.MustRegister(m.httpDuration, m.httpInFlight, m.hashDuration, m.hashRefused, m.omitted, m.claimsOmitted, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the registry in the Prometheus and OpenMetrics formats.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Registry returns the registry, for collectors that other rooms bring and for tests.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// RequestStarted counts a request in; RequestDone counts it out again. route is the pattern
// of the route, "" when none matched.
func (m *Metrics) RequestStarted() { m.httpInFlight.Inc() }

// RequestDone records a finished request.
func (m *Metrics) RequestDone(route, method string, code int, d time.Duration) {
	m.httpInFlight.Dec()
	of := series{route, knownMethod(method), code}
	c := (*m.series.Load())[of]
	if c == nil {
		c = m.addSeries(of)
	}
	c.requests.Inc()
	c.duration.Observe(d.Seconds())
}

func (m *Metrics) addSeries(of series) *counted {
	c := &counted{
		requests: m.httpRequests.WithLabelValues(of.route, of.method, strconv.Itoa(of.code)),
		duration: m.httpDuration.WithLabelValues(of.route, of.method),
	}
	m.seriesMu.Lock()
	defer m.seriesMu.Unlock()
	all := maps.Clone(*m.series.Load())
	all[of] = c
	m.series.Store(&all)
	return c
}

type series struct {
	route, method string
	code          int
}

type counted struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

// knownMethod keeps invented methods from becoming label values.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return m
	}
	return "other"
}

// TokenIssued counts a token; kind is access, refresh or id.
func (m *Metrics) TokenIssued(grantType, kind string) {
	m.tokens.WithLabelValues(grantType, kind).Inc()
}

// SignIn counts an attempt to sign in; result is success, failure, throttled, …
func (m *Metrics) SignIn(result string) { m.signIns.WithLabelValues(result).Inc() }

// PermissionsOmitted counts an access token that was over the size budget and left its
// permissions out.
func (m *Metrics) PermissionsOmitted() { m.omitted.Inc() }

// ClaimsOmitted counts a token that left declared claims out; reason is budget or failed.
func (m *Metrics) ClaimsOmitted(reason string) { m.claimsOmitted.WithLabelValues(reason).Inc() }

// Refresh counts a use of a refresh token; result is rotated, switched, retried, reused or rejected.
func (m *Metrics) Refresh(result string) { m.refreshes.WithLabelValues(result).Inc() }

// Authorization counts the end of an authorization request; result is granted, denied, or
// the RFC 6749 error code.
func (m *Metrics) Authorization(result string) { m.authorizations.WithLabelValues(result).Inc() }

// Mail counts an attempt to send a message; result is sent, postponed or given_up.
func (m *Metrics) Mail(kind, result string) { m.mail.WithLabelValues(kind, result).Inc() }

// PasswordHashed records the time that one password hash took; algorithm is argon2id, bcrypt, …
func (m *Metrics) PasswordHashed(algorithm string, d time.Duration) {
	m.hashDuration.WithLabelValues(algorithm).Observe(d.Seconds())
}

// PasswordRefused counts a sign-in turned away because the queue for hashes was full.
func (m *Metrics) PasswordRefused() { m.hashRefused.Inc() }
