package telemetry

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxConnectors is how many connectors have labels of their own. Administrators of tenants declare
// them, so there may be many: those that are used after that many others count as other.
const maxConnectors = 100

// upstream is the metrics of sign-ins through other providers.
type upstream struct {
	duration *prometheus.HistogramVec
	signIns  *prometheus.CounterVec
	named    *names
}

func newUpstream(r *prometheus.Registry) upstream {
	u := upstream{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "signet_upstream_request_duration_seconds",
			Help:    "Time that requests to other providers took, failed ones included, by connector and request: discovery, token, user or emails.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"connector", "request"}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "signet_upstream_sign_ins_total",
			Help: "Sign-ins through other providers that came to an end, by connector and result: success, or the reason why not.",
		}, []string{"connector", "result"}),
		named: &names{seen: map[string]bool{}},
	}
	r.MustRegister(u.duration, u.signIns)
	return u
}

// UpstreamRequest records the time that a request to a provider took; connector is the reference of
// a connector that exists, request is discovery, token, user or emails.
func (m *Metrics) UpstreamRequest(connector, request string, d time.Duration) {
	m.upstream.duration.WithLabelValues(m.upstream.named.label(connector), request).Observe(d.Seconds())
}

// UpstreamSignIn counts the end of a sign-in through a connector that exists; result is success or
// a connector.Reason.
func (m *Metrics) UpstreamSignIn(connector, result string) {
	m.upstream.signIns.WithLabelValues(m.upstream.named.label(connector), result).Inc()
}

// names bounds how many values a label has.
type names struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (n *names) label(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[name] {
		return name
	}
	if len(n.seen) >= maxConnectors {
		return "other"
	}
	n.seen[name] = true
	return name
}
