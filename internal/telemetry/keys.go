package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// SigningKey is one key of the ring as operators see it.
type SigningKey struct{ KID, Alg, State string }

// SigningKeys is how the keys of this replica stand.
type SigningKeys struct {
	Keys  []SigningKey
	Rings []SigningRing
	// Damaged counts the keys that cannot be opened or are no longer stored.
	Damaged int
	// LoadedAge is the time since this replica last loaded them.
	LoadedAge time.Duration
	// ClockOffset is how far the database's clock is ahead.
	ClockOffset time.Duration
}

// SigningRing is how the keys of one algorithm stand.
type SigningRing struct {
	Alg     string
	Age     time.Duration            // of the active key; 0 without one
	Next    map[string]time.Duration // until a key enters a state, by the state
	Overdue bool
}

// ObserveSigningKeys adds the signet_signing_key… metrics and signet_clock_offset_seconds, read from
// status at each scrape. Call it once.
func (m *Metrics) ObserveSigningKeys(status func() SigningKeys) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	m.registry.MustRegister(&keyCollector{
		status:  status,
		info:    desc("signet_signing_key_info", "Always 1; one series for each signing key this replica holds.", "kid", "alg", "state"),
		age:     desc("signet_signing_key_age_seconds", "For how long the key that signs has signed; absent while none does.", "alg"),
		next:    desc("signet_signing_key_next_step_seconds", "Until a key becomes active, or is removed; absent while nothing of that is planned.", "alg", "step"),
		overdue: desc("signet_signing_key_step_overdue", "1 while a step of the rotation is due that no replica makes, else 0.", "alg"),
		damaged: desc("signet_signing_keys_damaged", "Signing keys that cannot be opened or are no longer stored."),
		loaded:  desc("signet_signing_keys_loaded_age_seconds", "Since this replica last loaded the signing keys."),
		offset:  desc("signet_clock_offset_seconds", "How far the clock of the database is ahead of this replica's."),
	})
}

// KeyStep counts a step of the rotation that this replica made.
func (m *Metrics) KeyStep(step string) { m.keySteps.WithLabelValues(step).Inc() }

type keyCollector struct {
	status                                            func() SigningKeys
	info, age, next, overdue, damaged, loaded, offset *prometheus.Desc
}

func (c *keyCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.info, c.age, c.next, c.overdue, c.damaged, c.loaded, c.offset} {
		ch <- d
	}
}

func (c *keyCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := c.status()
	for _, k := range s.Keys {
		gauge(c.info, 1, k.KID, k.Alg, k.State)
	}
	for _, r := range s.Rings {
		if r.Age > 0 {
			gauge(c.age, r.Age.Seconds(), r.Alg)
		}
		for step, in := range r.Next {
			gauge(c.next, in.Seconds(), r.Alg, step)
		}
		overdue := 0.0
		if r.Overdue {
			overdue = 1
		}
		gauge(c.overdue, overdue, r.Alg)
	}
	gauge(c.damaged, float64(s.Damaged))
	gauge(c.loaded, s.LoadedAge.Seconds())
	gauge(c.offset, s.ClockOffset.Seconds())
}
