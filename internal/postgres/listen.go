package postgres

import (
	"context"
	"log/slog"
	"time"
)

// The channels on which the database announces changes; triggers in the migrations send.
const (
	ChannelClient = "signet_client" // payload: the client's id
	ChannelKeys   = "signet_keys"
)

// Listen calls handle for each notification until ctx is done. It keeps a connection of its
// own and reconnects; after each connect it calls resync, because what was announced in
// between is lost.
func (db *DB) Listen(ctx context.Context, log *slog.Logger, handle func(channel, payload string), resync func()) {
	const pause = time.Second
	for ctx.Err() == nil {
		err := db.listenOnce(ctx, handle, resync)
		if ctx.Err() != nil {
			return
		}
		log.WarnContext(ctx, "notifications interrupted, reconnecting", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (db *DB) listenOnce(ctx context.Context, handle func(channel, payload string), resync func()) error {
	pooled, err := db.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	conn := pooled.Hijack() // not to be given to anyone else
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, channel := range []string{ChannelClient, ChannelKeys} {
		if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
			return err
		}
	}
	resync()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		handle(n.Channel, n.Payload)
	}
}
