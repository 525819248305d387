package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

func masterKey(t *testing.T, first byte) envelope.Master {
	t.Helper()
	m, err := envelope.NewMaster(append(bytes.Repeat([]byte("k"), 31), first))
	must(t, err)
	return m
}

// vault is a world with sealed values in every place: under the former master key, unless renewed.
type vault struct {
	*world
	former, present envelope.Master
	both            *envelope.Envelope
	okta            id.Connector
}

func buildVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{world: build(t), former: masterKey(t, 1), present: masterKey(t, 2)}
	v.both = envelope.New(v.present, v.former)
	v.okta = id.NewConnector(time.Now())
	v.fill(t, envelope.New(v.former), 1)
	return v
}

// fill stores n values in each place save the connector's and the root secret's, of which there is one.
func (v *vault) fill(t *testing.T, e *envelope.Envelope, n int) {
	t.Helper()
	keeper := connector.NewKeeper(e)
	if v.count(t, "SELECT count(*) FROM connector") == 0 {
		sealed, err := keeper.SealSecret(v.okta, secret.New("the secret of a client"))
		must(t, err)
		v.exec(t, `INSERT INTO connector (id, reference, slug, kind, name, issuer, client_id, sealed_secret) VALUES ($1, 'okta', 'okta', 'oidc', 'Okta', 'https://idp.example', 'signet', $2)`, v.okta.UUID(), sealed)
		root, err := keyring.SealRoot(e, 1, time.Now())
		must(t, err)
		k, private, err := keys.Generate(keys.EdDSA, nil)
		must(t, err)
		k.CreatedAt = time.Now()
		row, err := keyring.SealKey(e, k, private)
		must(t, err)
		_, err = v.Keys().Change(t.Context(), true, func(keyring.Stored) (keyring.Edit, error) {
			return keyring.Edit{Added: []keyring.SealedKey{row}, Secrets: []keyring.SealedSecret{root}}, nil
		})
		must(t, err)
	}
	writer := mail.NewWriter(e, true, time.Now)
	for range n {
		i := id.NewIdentity(time.Now())
		sealed, err := keeper.SealTokens(i, connector.Tokens{Access: secret.New("an access token")})
		must(t, err)
		v.exec(t, `INSERT INTO identity (id, connector_id, issuer, subject, user_id, sealed_tokens) VALUES ($1, $2, 'https://idp.example', $3, $4, $5)`, i.UUID(), v.okta.UUID(), i.String(), v.ada.UUID(), sealed)
		must(t, v.Attempts(keeper).Begin(t.Context(), connector.Attempt{
			State: secret.Generate(), Connector: v.okta, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
		}))
		must(t, v.Attempts(keeper).KeepLink(t.Context(), connector.PendingLink{Token: secret.Generate(), Connector: v.okta, User: v.ada, ExpiresAt: time.Now().Add(time.Hour)}))
		m, err := writer.Seal(letterTo("ada@acme.example"))
		must(t, err)
		must(t, v.Mail().Enqueue(t.Context(), m))
	}
}

func letterTo(address string) mail.Message {
	return mail.Message{Kind: mail.PasswordChanged, To: address, Name: "Ada", At: time.Now()}
}

func places() []envelope.Place {
	return slices.Concat(keyring.Places(), connector.Places(), mail.Places())
}

func (v *vault) rewrapper(t *testing.T, values envelope.Values) *envelope.Rewrapper {
	t.Helper()
	r, err := envelope.NewRewrapper(v.both, values, places()...)
	must(t, err)
	return r
}

// all rewraps everything, most values at a time.
func all(t *testing.T, r *envelope.Rewrapper, most int) (sum envelope.Piece) {
	t.Helper()
	for from := ""; ; {
		p, err := r.Rewrap(t.Context(), from, most)
		must(t, err)
		sum.Rewrapped += p.Rewrapped
		sum.Remaining = p.Remaining
		sum.Damaged = append(sum.Damaged, p.Damaged...)
		if from = p.Next; from == "" {
			return sum
		}
	}
}

// opens counts what opens under one master key alone, at its place.
func (v *vault) opens(t *testing.T, m envelope.Master) (n int) {
	t.Helper()
	e := envelope.New(m)
	for _, p := range places() {
		var after []byte
		for {
			values, err := v.Sealed().Stale(t.Context(), p.Name, []byte("nothing begins so"), after, 100)
			must(t, err)
			for _, value := range values {
				var s envelope.Sealed
				must(t, s.UnmarshalBinary(value.Sealed))
				_, identities := p.Row(value.Key)
				for _, aad := range identities {
					if _, err := e.Open(s, aad); err == nil {
						n++
					}
				}
				after = value.Key
			}
			if len(values) < 100 {
				break
			}
		}
	}
	return n
}

func TestEverythingSealedIsBroughtUnderThePresentMasterKey(t *testing.T) {
	t.Parallel()
	v := buildVault(t)
	v.fill(t, envelope.New(v.former), 2)
	v.fill(t, envelope.New(v.present), 1) // since the change
	const before, since = 3 + 4*3, 4
	r := v.rewrapper(t, v.Sealed())
	if f, p := v.opens(t, v.former), v.opens(t, v.present); f != before || p != since {
		t.Fatalf("%d values open under the former key, %d under the present", f, p)
	}
	held := map[string]int{}
	list, err := r.Holdings(t.Context())
	must(t, err)
	for _, h := range list {
		held[h.Master] += h.Values
	}
	if held[v.former.ID()] != before || held[v.present.ID()] != since || len(held) != 2 {
		t.Errorf("holdings %v", list)
	}
	first, err := r.Rewrap(t.Context(), "", 4)
	must(t, err)
	if first.Rewrapped != 4 || first.Remaining != before-4 || first.Next == "" {
		t.Errorf("the first piece: %+v", first)
	}
	done := all(t, r, 2) // begun again, as after an interruption
	if done.Rewrapped != before-4 || done.Remaining != 0 || len(done.Damaged) != 0 {
		t.Errorf("the rest: %+v", done)
	}
	if f, p := v.opens(t, v.former), v.opens(t, v.present); f != 0 || p != before+since {
		t.Errorf("%d values open under the former key, %d under the present", f, p)
	}
	if done := all(t, r, 1000); done.Rewrapped != 0 || done.Remaining != 0 {
		t.Errorf("again: %+v", done)
	}
}

func TestADamagedValueIsNamedAndDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	v := buildVault(t)
	v.fill(t, envelope.New(masterKey(t, 3)), 1) // which is configured nowhere
	v.exec(t, "UPDATE connector SET sealed_secret = set_byte(sealed_secret, length(sealed_secret) - 1, get_byte(sealed_secret, length(sealed_secret) - 1) # 1)")
	m := enqueue(t, v.world, 1)[0] // no sealed value at all
	done := all(t, v.rewrapper(t, v.Sealed()), 3)
	if done.Rewrapped != 6 || done.Remaining != 6 {
		t.Errorf("%+v", done)
	}
	found := map[string]int{}
	for _, d := range done.Damaged {
		switch {
		case d.Place == "connector" && d.Row == v.okta.String() && errors.Is(d.Err, envelope.ErrDamaged),
			d.Place == "mail_outbox" && d.Row == fmt.Sprintf("%x", m.ID) && errors.Is(d.Err, envelope.ErrDamaged):
			found["damaged"]++
		case errors.Is(d.Err, envelope.ErrUnknownMaster) && strings.Contains(d.Err.Error(), masterKey(t, 3).ID()):
			found["unknown"]++
		default:
			t.Errorf("%+v", d)
		}
	}
	if found["damaged"] != 2 || found["unknown"] != 4 {
		t.Errorf("%v: %+v", found, done.Damaged)
	}
}

// meddled calls a function between the reading of values and their replacement.
type meddled struct {
	envelope.Values
	meddle func(place string)
}

func (m meddled) Replace(ctx context.Context, place string, changes []envelope.Change) (int, error) {
	m.meddle(place)
	return m.Values.Replace(ctx, place, changes)
}

func TestWhoChangesASealedValueMeanwhileWins(t *testing.T) {
	t.Parallel()
	v := buildVault(t)
	newer, err := connector.NewKeeper(envelope.New(v.former)).SealSecret(v.okta, secret.New("the next secret"))
	must(t, err)
	r := v.rewrapper(t, meddled{v.Sealed(), func(place string) {
		if place == "connector" {
			v.exec(t, "UPDATE connector SET sealed_secret = $1", newer)
		}
	}})
	if done := all(t, r, 1000); done.Remaining != 1 || done.Rewrapped != 6 {
		t.Errorf("%+v", done)
	}
	if done := all(t, v.rewrapper(t, v.Sealed()), 1000); done.Remaining != 0 || done.Rewrapped != 1 {
		t.Errorf("the second time: %+v", done)
	}
	var sealed []byte
	must(t, v.conn.QueryRow(t.Context(), "SELECT sealed_secret FROM connector").Scan(&sealed))
	s, err := connector.NewKeeper(envelope.New(v.present)).Secret(connector.Connector{ID: v.okta, Secret: sealed})
	if err != nil || s.Reveal() != "the next secret" {
		t.Errorf("%v, %v", s.Reveal(), err)
	}
}

func TestRewrappingWaitsForNobody(t *testing.T) {
	t.Parallel()
	v := buildVault(t)
	tx, err := v.conn.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), "SELECT 1 FROM connector FOR UPDATE")
	must(t, err)
	done := all(t, v.rewrapper(t, v.Sealed()), 1000)
	if done.Remaining != 1 || done.Rewrapped != 6 {
		t.Errorf("%+v", done)
	}
	must(t, tx.Rollback(t.Context()))
	// Whoever refers to a row does not change it.
	tx, err = v.conn.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), "SELECT 1 FROM connector FOR KEY SHARE")
	must(t, err)
	if done := all(t, v.rewrapper(t, v.Sealed()), 1000); done.Remaining != 0 || done.Rewrapped != 1 {
		t.Errorf("%+v", done)
	}
	must(t, tx.Rollback(t.Context()))
}

func TestReplicasThatRewrapAtOnceDoEachValueOnce(t *testing.T) {
	t.Parallel()
	v := buildVault(t)
	v.fill(t, envelope.New(v.former), 60)
	const values = 3 + 4*61
	var mu sync.Mutex
	var wg sync.WaitGroup
	total := 0
	for n := range 3 {
		r := v.rewrapper(t, v.Sealed())
		wg.Go(func() {
			for range 2 { // what another held is found the second time
				done := all(t, r, 7+n)
				mu.Lock()
				total += done.Rewrapped
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if n := v.opens(t, v.present); n != values || total != values {
		t.Errorf("%d of %d values are under the present key, after %d replacements", n, values, total)
	}
}

func TestARewrapperKnowsEveryPlace(t *testing.T) {
	t.Parallel()
	v := buildVault(t)
	if _, err := envelope.NewRewrapper(v.both, v.Sealed(), places()[1:]...); err == nil || !strings.Contains(err.Error(), "signing_key") {
		t.Errorf("%v", err)
	}
	for _, cursor := range []string{"x", "e30", "eyJwIjoibm93aGVyZSJ9"} {
		if _, err := v.rewrapper(t, v.Sealed()).Rewrap(t.Context(), cursor, 10); !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%q: %v", cursor, err)
		}
	}
}
