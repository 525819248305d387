package adminapi

import (
	"context"
	"encoding/json"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/claims"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/keys"
)

// TokenForecast says about how large access tokens get by what is shown, so that whoever edits it
// learns of tokens that leave something out before anybody gets one.
type TokenForecast struct {
	Audience   string `json:"audience,omitempty" doc:"Of tokens for this resource server; absent: for any."`
	Bytes      int    `json:"bytes" doc:"About the size of the token with everything in it."`
	OverBudget bool   `json:"over_budget" doc:"Whether it would leave permissions or declared claims out."`
}

// forecast returns nothing when there is none to be had: what it is about was stored all the same.
func (a *API) forecast(ctx context.Context, h claims.Holding, err error) (out []TokenForecast) {
	var list []claims.Forecast
	if err == nil {
		list, err = a.Previews.Forecast(h)
	}
	if err != nil {
		a.Log.WarnContext(ctx, "token size cannot be forecast", "error", err)
	}
	for _, f := range list {
		out = append(out, TokenForecast(f))
	}
	return out
}

// forecastRole is about somebody who holds the role and no other.
func (a *API) forecastRole(ctx context.Context, actor admin.Actor, r directory.Role) Role {
	body := roleOf(r)
	if r.Name != "" { // else there was an error
		h, err := a.Provenances.Holding(ctx, actor.Reach(), r.Tenant, r.Name)
		body.Forecast = a.forecast(ctx, h, err)
	}
	return body
}

// forecastClient is about somebody without roles.
func (a *API) forecastClient(ctx context.Context, c client.Client) Client {
	body := clientOf(c)
	if m := mappingsOf(c.Claims); len(m) > 0 {
		body.Forecast = a.forecast(ctx, claims.Holding{Own: m}, nil)
	}
	return body
}

// forecastResourceServer is about somebody without roles.
func (a *API) forecastResourceServer(ctx context.Context, r directory.ResourceServer) ResourceServer {
	body := resourceServerOf(r)
	if m := mappingsOf(r.Claims); len(m) > 0 {
		body.Forecast = a.forecast(ctx, claims.Holding{
			Declarations: []claims.Declaration{{Audience: r.Audience, Claims: m}},
			Algorithms:   map[string]keys.Algorithm{r.Audience: r.SigningAlgorithm},
		}, nil)
	}
	return body
}

func mappingsOf(raw json.RawMessage) []claims.Mapping {
	m, err := claims.Read(raw)
	if err != nil { // it was checked when it was stored
		return nil
	}
	return m
}
