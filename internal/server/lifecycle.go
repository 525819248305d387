package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// bound is the listeners between Listen and Serve.
type bound struct{ public, ops net.Listener }

// Listen binds both addresses, so that Addr and OpsAddr are known and connections queue up
// before Serve. On error nothing stays bound.
func (s *Server) Listen(ctx context.Context) error {
	public, err := listen(ctx, s.cfg.Listen, "server.listen", "SIGNET_SERVER_LISTEN")
	if err != nil {
		return err
	}
	ops, err := listen(ctx, s.cfg.OpsListen, "ops.listen", "SIGNET_OPS_LISTEN")
	if err != nil {
		_ = public.Close() // nothing was accepted yet
		return err
	}
	s.bound = bound{public, ops}
	return nil
}

func listen(ctx context.Context, addr, setting, env string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("address %s is in use by another program: stop it, or set %s (%s) to a free address", addr, setting, env)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("not permitted to listen on %s: set %s (%s) to a port above 1023", addr, setting, env)
	}
	return nil, fmt.Errorf("cannot listen on %s: set %s (%s) to an address of this machine: %w", addr, setting, env, err)
}

// Addr returns the address of the public listener; Listen must have succeeded.
func (s *Server) Addr() net.Addr { return s.bound.public.Addr() }

// OpsAddr returns the address of the operators' listener; Listen must have succeeded.
func (s *Server) OpsAddr() net.Addr { return s.bound.ops.Addr() }

// Run is Listen followed by Serve.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(ctx); err != nil {
		return err
	}
	return s.Serve(ctx)
}

// Serve answers requests until ctx ends, then shuts down: readiness fails at once; after
// ShutdownDelay the public listener closes; requests in flight finish within ShutdownGrace;
// the operators' listener closes last. It returns nil after a clean shutdown, and an error
// when a listener failed or requests had to be cut off. Call it once, after Listen.
func (s *Server) Serve(ctx context.Context) error {
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	failed := make(chan error, 2)
	go func() { failed <- s.servePublic(watching) }()
	go func() { failed <- s.ops.Serve(s.bound.ops) }()
	s.cfg.Log.InfoContext(ctx, "listening", "public", s.Addr().String(), "ops", s.OpsAddr().String(), "tls", s.certs != nil)

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("listener failed: %w", err)
	}
	s.draining.Store(true)
	close(s.stopping)
	s.cfg.Log.InfoContext(ctx, "shutting down")
	if err == nil && s.cfg.ShutdownDelay > 0 {
		time.Sleep(s.cfg.ShutdownDelay) //nolint:forbidigo // the time itself is what is waited for
	}
	return errors.Join(err, s.shutdown())
}

func (s *Server) servePublic(ctx context.Context) error {
	if s.certs == nil {
		return s.public.Serve(s.bound.public)
	}
	go s.certs.watch(ctx)
	return s.public.ServeTLS(s.bound.public, "", "")
}

func (s *Server) shutdown() error {
	// Not derived from the context of Serve, which has ended.
	grace, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownGrace)
	defer cancel()
	err := s.public.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("requests were still running after %s and have been cut off", s.cfg.ShutdownGrace)
	}
	closed := errors.Join(ignoreClosed(s.public.Close()), ignoreClosed(s.ops.Close()))
	return errors.Join(err, closed)
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
