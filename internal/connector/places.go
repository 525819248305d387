package connector

import (
	"encoding/hex"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/id"
)

// Places are where values are stored that a Keeper sealed.
func Places() []envelope.Place {
	return []envelope.Place{
		{Name: "connector", Row: func(key []byte) (string, [][]byte) {
			c := id.ConnectorFromUUID([16]byte(key))
			return c.String(), [][]byte{secretAAD(c)}
		}},
		{Name: "identity", Row: func(key []byte) (string, [][]byte) {
			i := id.IdentityFromUUID([16]byte(key))
			return i.String(), [][]byte{tokensAAD(i)}
		}},
		{Name: "upstream_attempt", Row: func(key []byte) (string, [][]byte) {
			return hex.EncodeToString(key), [][]byte{attemptAAD(key)}
		}},
		{Name: "pending_link", Row: func(key []byte) (string, [][]byte) {
			return hex.EncodeToString(key), [][]byte{linkAAD(key)}
		}},
	}
}
