package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// TLSFiles names a certificate chain and its key, both PEM.
type TLSFiles struct {
	Cert, Key string
	// Poll is the pause between two looks at the files; 0 means 10 s.
	Poll time.Duration
}

// certificates holds the pair in use and replaces it when the files change. A new pair that
// does not load leaves the old one in use.
type certificates struct {
	files   TLSFiles
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]
	// seen is the content last tried, good or bad. Content, not modification times: a swapped
	// symbolic link or a restored backup may bring an older time and the same size.
	seen [2][]byte
}

func loadCertificates(files TLSFiles, log *slog.Logger) (*certificates, error) {
	if files.Poll == 0 {
		files.Poll = 10 * time.Second
	}
	c := &certificates{files: files, log: log}
	if _, err := c.reload(); err != nil {
		return nil, fmt.Errorf("TLS certificate: %w: check server.tls_cert_file and server.tls_key_file", err)
	}
	return c, nil
}

// reload reports whether the files changed and a new pair is in use.
func (c *certificates) reload() (bool, error) {
	cert, err := os.ReadFile(c.files.Cert)
	if err != nil {
		return false, err
	}
	key, err := os.ReadFile(c.files.Key)
	if err != nil {
		return false, err
	}
	if bytes.Equal(cert, c.seen[0]) && bytes.Equal(key, c.seen[1]) {
		return false, nil
	}
	c.seen = [2][]byte{cert, key}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("%s and %s: %w", c.files.Cert, c.files.Key, err)
	}
	c.current.Store(&pair)
	return true, nil
}

// watch looks at the files until ctx ends.
func (c *certificates) watch(ctx context.Context) {
	tick := time.NewTicker(c.files.Poll)
	defer tick.Stop()
	last := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := c.reload()
		switch {
		case err != nil && err.Error() != last:
			last = err.Error()
			c.log.ErrorContext(ctx, "the new TLS certificate does not load; the old one stays in use", "error", last)
		case changed:
			last = ""
			c.log.InfoContext(ctx, "TLS certificate reloaded", "not_after", c.current.Load().Leaf.NotAfter)
		}
	}
}

func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}
