package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// PoolStats is the state of a connection pool at one moment; *pgxpool.Stat has these methods.
type PoolStats interface {
	AcquiredConns() int32
	IdleConns() int32
	MaxConns() int32
	EmptyAcquireCount() int64
	AcquireDuration() time.Duration
}

// ObservePool adds the signet_db_pool_* metrics, read from stats at each scrape. Call it once.
func (m *Metrics) ObservePool(stats func() PoolStats) {
	m.registry.MustRegister(&poolCollector{
		stats:    stats,
		acquired: prometheus.NewDesc("signet_db_pool_acquired_connections", "Database connections in use.", nil, nil),
		idle:     prometheus.NewDesc("signet_db_pool_idle_connections", "Database connections open and not in use.", nil, nil),
		max:      prometheus.NewDesc("signet_db_pool_max_connections", "Largest number of database connections.", nil, nil),
		waited:   prometheus.NewDesc("signet_db_pool_empty_acquires_total", "Acquisitions that had to wait for a connection.", nil, nil),
		waiting:  prometheus.NewDesc("signet_db_pool_acquire_duration_seconds_total", "Time spent acquiring connections.", nil, nil),
	})
}

type poolCollector struct {
	stats                                func() PoolStats
	acquired, idle, max, waited, waiting *prometheus.Desc
}

func (c *poolCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.acquired, c.idle, c.max, c.waited, c.waiting} {
		ch <- d
	}
}

func (c *poolCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	gauge := func(d *prometheus.Desc, v int32) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	gauge(c.acquired, s.AcquiredConns())
	gauge(c.idle, s.IdleConns())
	gauge(c.max, s.MaxConns())
	ch <- prometheus.MustNewConstMetric(c.waited, prometheus.CounterValue, float64(s.EmptyAcquireCount()))
	ch <- prometheus.MustNewConstMetric(c.waiting, prometheus.CounterValue, s.AcquireDuration().Seconds())
}

// ObservePasswordQueue adds signet_password_hash_queue, read from waiting at each scrape. Call
// it once.
func (m *Metrics) ObservePasswordQueue(waiting func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "signet_password_hash_queue",
		Help: "Sign-ins waiting for their turn to compute a password hash.",
	}, func() float64 { return float64(waiting()) }))
}

// ObserveCutoffs adds signet_cutoffs, read from held at each scrape. Call it once.
func (m *Metrics) ObserveCutoffs(held func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "signet_cutoffs",
		Help: "Cutoffs that this replica holds in memory: recalled grants, sessions and tokens that have not expired.",
	}, func() float64 { return float64(held()) }))
}

// ObserveMailQueue adds signet_mail_waiting and signet_mail_oldest_seconds, read from queued at
// each scrape. Call it once.
func (m *Metrics) ObserveMailQueue(queued func() (waiting int, oldest time.Duration)) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "signet_mail_waiting",
		Help: "Messages in the outbox, which all replicas share.",
	}, func() float64 { n, _ := queued(); return float64(n) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "signet_mail_oldest_seconds",
		Help: "Age of the oldest message in the outbox.",
	}, func() float64 { _, age := queued(); return age.Seconds() }))
}
