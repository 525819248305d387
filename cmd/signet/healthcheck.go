package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/config"
)

// healthcheckTimeout bounds the whole question: who answers later is not well.
const healthcheckTimeout = 3 * time.Second

func (p *program) healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the signet serve of this machine whether it is alive",
		Long: `Asks /healthz of the operators' listener, which it finds by the same configuration as signet
serve, and exits with 0 when all is well and 1 otherwise. Container images have no other
program that could ask. An orchestrator that sends requests itself should ask /healthz for
liveness and /readyz for readiness.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.load(config.Check)
			if err != nil {
				return err
			}
			return askHealth(cmd.Context(), c.Ops.Listen)
		},
	}
}

func askHealth(ctx context.Context, listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("ops.listen: %w", err)
	}
	if port == "0" {
		return fmt.Errorf("ops.listen is %s, a free port that only signet serve knows: give it a fixed port", listen)
	}
	// A listener on every address also listens here. Not "localhost": a container may have
	// nothing to look that up in.
	switch a, err := netip.ParseAddr(host); {
	case host == "", err == nil && a == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case err == nil && a == netip.IPv6Unspecified():
		host = "::1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	url := "http://" + net.JoinHostPort(host, port) + "/healthz"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// A transport of its own, because the default one would go through HTTP_PROXY.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("not healthy: %w; is signet serve running, with the same ops.listen (SIGNET_OPS_LISTEN)?", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 200)) // only to say more
		return fmt.Errorf("not healthy: %s answered %s: %q", url, res.Status, body)
	}
	return nil
}
