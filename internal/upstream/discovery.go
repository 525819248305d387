package upstream

import (
	"context"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/connector"
)

// The pauses after a discovery that failed, so that a provider that is down is not asked by
// everybody who wants to sign in.
const (
	firstPause = time.Second
	maxPause   = 30 * time.Second
)

// discovery keeps the discovery document of one provider. It is fetched when somebody needs it, by
// one request at a time, which all who wait share. One that is older than its headers allow is
// renewed in the background and used meanwhile, as long as stale-if-error allows; nobody waits for
// that.
type discovery struct {
	*way
	life context.Context

	mu       sync.Mutex
	good     *metadata // nil: there was none yet
	err      error     // of the latest fetch
	failures int       // in a row
	retryAt  time.Time
	flight   chan struct{} // closed when the fetch under way is over; nil: there is none
}

func (d *discovery) get(ctx context.Context) (*metadata, error) {
	m, flight, err := d.look()
	if flight == nil {
		return m, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	select {
	case <-flight:
	case <-ctx.Done():
		return nil, connector.Fail(connector.Unreachable, ctx.Err(), "%s did not answer within %s", discoveryURL(d.connector.Issuer), d.patience)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.good != nil && d.now().Sub(d.good.asked) < d.good.usable {
		return d.good, nil
	}
	return nil, d.err
}

// look returns what is there, or a fetch to wait for, or why there is neither.
func (d *discovery) look() (*metadata, <-chan struct{}, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	age := time.Duration(0)
	if d.good != nil {
		age = now.Sub(d.good.asked)
	}
	usable := d.good != nil && age >= 0 && age < d.good.usable
	// A clock that was set back says nothing about how long ago something was.
	if (!usable || age >= d.good.fresh) && d.flight == nil && (d.failures == 0 || !now.Before(d.retryAt) || d.retryAt.Sub(now) > maxPause) {
		d.flight = make(chan struct{})
		go d.fetch(d.flight)
	}
	switch {
	case usable:
		return d.good, nil, nil
	case d.flight != nil:
		return nil, d.flight, nil
	}
	return nil, nil, d.err
}

// fetch asks for the document once. Nobody's leaving ends it: others may wait.
func (d *discovery) fetch(done chan struct{}) {
	asked := d.now()
	m, err := d.ask(d.life)
	d.mu.Lock()
	defer d.mu.Unlock()
	defer close(done)
	d.flight = nil
	if err == nil {
		if d.failures > 0 {
			d.log.Info("the discovery document is there again", "failures", d.failures)
		}
		m.asked = asked
		d.good, d.err, d.failures = m, nil, 0
		return
	}
	if d.life.Err() == nil && (d.failures == 0 || connector.ReasonOf(d.err) != connector.ReasonOf(err)) {
		d.log.Warn("the discovery document of a provider cannot be used", "error", err)
	}
	pause := min(firstPause<<min(d.failures, 10), maxPause)
	d.err, d.failures, d.retryAt = err, d.failures+1, d.now().Add(pause)
}

// ask fetches and checks the document.
func (d *discovery) ask(ctx context.Context) (*metadata, error) {
	m, err := d.download(ctx)
	if err != nil {
		return nil, err
	}
	return m, m.fault(d.connector.Issuer, d.secret.Empty())
}

func (w *way) download(ctx context.Context) (*metadata, error) {
	address := discoveryURL(w.connector.Issuer)
	status, h, body, err := w.get(ctx, "discovery", address, nil)
	if err != nil {
		return nil, err
	}
	return readMetadata(address, status, h, body)
}
