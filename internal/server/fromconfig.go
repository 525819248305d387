package server

import "github.com/signet-id/signet/internal/config"

// FromConfig returns the part of Config that the operator's settings decide. The caller adds
// Routes, Refuse, Checks, Metrics and Log.
func FromConfig(c config.Config) Config {
	sc := Config{
		Listen:           c.Server.Listen,
		OpsListen:        c.Ops.Listen,
		TrustedProxies:   c.Server.TrustedProxies,
		ForwardedRFC7239: c.Server.ForwardedHeader == "forwarded",
		MaxBodyBytes:     c.Limits.MaxBodyBytes,
		MaxHeaderBytes:   c.Limits.MaxHeaderBytes,
		RequestTimeout:   c.Limits.RequestTimeout,
		ShutdownDelay:    c.Server.ShutdownDelay,
		ShutdownGrace:    c.Server.ShutdownGrace,
	}
	if c.TLS() {
		sc.TLS = &TLSFiles{Cert: c.Server.TLSCertFile, Key: c.Server.TLSKeyFile}
	}
	return sc
}
