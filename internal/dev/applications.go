package dev

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/demo/frontend"
	"github.com/signet-id/signet/internal/demo/orders"
	"github.com/signet-id/signet/internal/mailcatcher"
)

// serveApplications runs the demo frontend, the demo orders service and the mailbox until ctx
// ends. They are outside programs: what they know of this one are the addresses that it gives
// them.
func (r *run) serveApplications(ctx context.Context) error {
	a := r.state.Addresses
	page := frontend.New(frontend.Config{
		Issuer: a.Issuer, ClientID: clientFrontend, Origin: a.Frontend, Orders: a.Orders, Audience: ordersAudience,
		Organizations: r.organizations(),
	})
	service, err := orders.New(ctx, orders.Config{Issuer: a.Issuer, Audience: ordersAudience, Origin: a.Frontend, Log: r.log, Now: r.Now})
	if err != nil {
		return err
	}
	box := mailcatcher.New(mailcatcher.Config{Now: r.Now, Log: r.log})
	letters, err := box.Handler()
	if err != nil {
		return err
	}
	pages := func(ln net.Listener, h http.Handler) func(context.Context) error {
		return func(ctx context.Context) error { return serveUntil(ctx, ln, h, r.log) }
	}
	services := []func(context.Context) error{
		pages(r.ports.frontend.listener, page),
		pages(r.ports.orders.listener, service),
		pages(r.ports.mail.listener, letters),
		func(ctx context.Context) error { return box.ServeSMTP(ctx, r.ports.smtp.listener) },
	}
	errs := make([]error, len(services))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for i, serve := range services {
		wg.Go(func() {
			defer cancel() // none goes on without the others
			errs[i] = serve(ctx)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (r *run) organizations() []frontend.Organization {
	var out []frontend.Organization
	for _, t := range r.main.definition.In.Tenants {
		out = append(out, frontend.Organization{Slug: t.Slug, Name: t.Name})
	}
	return out
}

// serveUntil serves h on ln until ctx ends, then lets requests in flight finish.
func serveUntil(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelInfo),
	}
	stopped := make(chan error, 1)
	unhook := context.AfterFunc(ctx, func() {
		// Not derived from ctx, which has ended.
		limit, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		err := s.Shutdown(limit)
		if err != nil {
			err = s.Close()
		}
		stopped <- err
	})
	err := s.Serve(ln)
	if unhook() {
		return err // it ended by itself
	}
	return <-stopped
}
