package login

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

// margin is how long before its expiry an access token is renewed.
const margin = 30 * time.Second

// Source hands out the access tokens of an account.
type Source struct {
	file    File
	client  *http.Client
	now     func() time.Time
	mu      sync.Mutex
	account Account
}

// Source returns the source of an account that was read from the file.
func (f File) Source(a Account, client *http.Client, now func() time.Time) *Source {
	return &Source{file: f, client: client, now: now, account: a}
}

// Token returns an access token; rejected is "", or one that the server did not accept. Commands
// that run at a time renew it once: the others wait and find the new one in the file.
func (s *Source) Token(ctx context.Context, rejected string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.good(s.account, rejected) {
		return s.account.AccessToken.Reveal(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	err := s.file.change(ctx, func(all *Accounts) error {
		for i, a := range all.All {
			if !same(a, s.account) {
				continue
			}
			if !s.good(a, rejected) {
				var err error
				if a, err = s.renew(ctx, a); err != nil {
					return err
				}
			}
			all.All[i], s.account = a, a
			return nil
		}
		return errSignedOut(s.account)
	})
	if err != nil {
		return "", err
	}
	return s.account.AccessToken.Reveal(), nil
}

func (s *Source) good(a Account, rejected string) bool {
	return a.AccessToken.Reveal() != rejected && !a.AccessToken.Empty() && s.now().Add(margin).Before(a.ExpiresAt)
}

// renew spends the refresh token. The server answers a repeated attempt with the same successor
// for a short while, so a process that dies between the answer and the file loses nothing.
func (s *Source) renew(ctx context.Context, a Account) (Account, error) {
	config := oauth2.Config{ClientID: clientID, Endpoint: oauth2.Endpoint{TokenURL: a.Server + "/token", AuthStyle: oauth2.AuthStyleInParams}}
	asked := s.now()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, s.client)
	token, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: a.RefreshToken.Reveal()}).Token()
	if refusal, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refusal.ErrorCode == "invalid_grant" {
		return a, errSignedOut(a)
	}
	if err != nil {
		return a, explain(a.Server, err)
	}
	a.AccessToken, a.ExpiresAt = secret.New(token.AccessToken), asked.Add(time.Duration(token.ExpiresIn)*time.Second)
	if token.RefreshToken != "" {
		a.RefreshToken = secret.New(token.RefreshToken)
	}
	return a, nil
}

func errSignedOut(a Account) error {
	return errdefs.Say(errdefs.ErrUnauthenticated, nil, "your sign-in%s has ended: run signet login%s", place(a.Server, a.Organization), flags(a.Server, a.Organization))
}
