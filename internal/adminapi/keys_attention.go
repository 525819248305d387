package adminapi

import (
	"errors"
	"fmt"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/keys"
)

// Attention is something about the keys that somebody should look at.
type Attention struct {
	Code      string `json:"code" enum:"not_signing,not_loaded,no_active_key,no_next_key,damaged_key,missing_row,forgotten_revocation,overdue,clock_offset,master_key,unreadable,not_counted,laggards,revoked" doc:"For programs."`
	Urgent    bool   `json:"urgent" doc:"Something is wrong. Else it is good to know."`
	Algorithm string `json:"algorithm,omitempty" doc:"Of the keys that it is about."`
	KID       string `json:"kid,omitempty" doc:"The key that it is about."`
	Text      string `json:"text" doc:"What is the matter, in a sentence or two."`
	Do        string `json:"do" doc:"What to do about it."`
}

// attention says what somebody should look at: of this replica, of each algorithm, of what is
// encrypted.
func attention(s keyring.Status, status KeysStatus) []Attention {
	out := []Attention{}
	note := func(a *Attention) {
		if a != nil {
			out = append(out, *a)
		}
	}
	note(loading(s))
	note(clocks(s))
	for _, k := range s.Keys {
		note(damage(k))
	}
	for _, r := range status.Rings {
		note(standing(s, r))
	}
	for _, m := range status.OtherMaster {
		note(sealedElsewhere(m))
	}
	for _, r := range status.Rings { // what is only good to know
		note(lagging(s, r))
	}
	for _, k := range s.Keys {
		note(revokedLately(s, k))
	}
	return out
}

func loading(s keyring.Status) *Attention {
	age := s.Now.Sub(s.LoadedAt).Round(time.Second)
	switch {
	case !s.Leased:
		return &Attention{
			Code: "not_signing", Urgent: true,
			Text: fmt.Sprintf("This replica has not loaded the keys for %s and signs nothing any more: they may have been replaced since.", age),
			Do:   "See why it does not reach the database (its log says so). It signs again by itself.",
		}
	case age > s.Schedule.SignerLag+s.Schedule.Propagation:
		return &Attention{
			Code: "not_loaded", Urgent: true,
			Text: fmt.Sprintf("This replica has not loaded the keys for %s. It goes on with those in memory, and signs with them for %s in all.", age, s.Schedule.Lease()),
			Do:   "See why it does not reach the database (its log says so).",
		}
	}
	return nil
}

// clocks compares with half of the leeway: the other half is for the clocks of verifiers.
func clocks(s keyring.Status) *Attention {
	if s.ClockOffset.Abs() <= s.Schedule.Leeway/2 {
		return nil
	}
	return &Attention{
		Code: "clock_offset", Urgent: true,
		Text: fmt.Sprintf("The clocks of this replica and of the database are %s apart. Keys go by the database's; the times in tokens are by the replica's, and verifiers forgive %s.", s.ClockOffset.Abs().Round(time.Millisecond), s.Schedule.Leeway),
		Do:   "Set both clocks by NTP. Nothing has to be restarted.",
	}
}

func damage(k keyring.KeyStatus) *Attention {
	if k.Damage == nil {
		return nil
	}
	out := &Attention{Urgent: true, Algorithm: string(k.Algorithm), KID: k.ID}
	switch {
	case errors.Is(k.Damage.Err, keyring.ErrVanished):
		out.Code = "missing_row"
		out.Text = "The key is no longer stored. This replica publishes it from memory until what it signed has expired, and signs with another; a replica that starts now does not know it."
		out.Do = "Restore its row of signing_key from a backup, before you restart replicas. If you deleted it because it was stolen, restore it and revoke it: that is what replicas follow."
	case errors.Is(k.Damage.Err, keyring.ErrForgotten):
		out.Code = "forgotten_revocation"
		out.Text = "The key was revoked as stolen, and the database no longer says so: it was restored from a backup, lost its last transactions in a failover, or somebody changed the row. This replica accepts nothing that the key signed, and revokes it again within a minute."
		out.Do = "If it is still shown after a few minutes, run signet keys revoke KID --compromised once more. If nobody restored the database, find out who writes to it."
	case k.Damage.Held:
		out.Code = "damaged_key"
		out.Text = "What is stored of the key cannot be opened (" + k.Damage.Err.Error() + "). This replica goes on with its copy in memory, which a restart loses. Another key takes its place."
		out.Do = "Do not restart replicas before its last token has expired (max_expiry), or restore sealed of its row in signing_key from a backup."
	default:
		out.Code = "damaged_key"
		out.Text = "What is stored of the key cannot be opened (" + k.Damage.Err.Error() + "). This replica does not use it, and refuses what it signed. Another key takes its place."
		out.Do = "Restore sealed of its row in signing_key from a backup if tokens that it signed matter; otherwise nothing: applications get new ones by refreshing."
	}
	if errors.Is(k.Damage.Err, envelope.ErrUnknownMaster) {
		out.Do = "Configure that master key as keys.master_previous on every replica, then run signet keys rewrap."
	}
	return out
}

// starting reports whether the first keys of the installation were made a moment ago.
func starting(s keyring.Status) bool {
	return len(s.Keys) > 0 && s.Now.Sub(s.Keys[0].CreatedAt) < time.Minute
}

// standing says whether the keys of an algorithm move on.
func standing(s keyring.Status, r KeyRing) *Attention {
	out := &Attention{Urgent: true, Algorithm: r.Algorithm, Do: "See the log of the replicas for \"could not rotate keys\"; each tries again by itself."}
	switch {
	case r.Active == nil && r.Next == nil && starting(s):
		return nil // RSA keys take a moment to make
	case r.Active == nil && (r.Next == nil || r.Next.ActivatedAt == nil || s.Now.After(*r.Next.ActivatedAt)):
		out.Code, out.Text = "no_active_key", "No "+r.Algorithm+" key signs. Whatever is to be signed with it is refused with 503."
	case r.Active != nil && r.Next == nil:
		out.Code, out.Text = "no_next_key", "No "+r.Algorithm+" key is published to sign next. Were the present one stolen, a key would sign that no verifier has yet."
	case r.Overdue != "":
		out.Code, out.KID = "overdue", ""
		out.Text = "The step \"" + r.Overdue + "\" of the " + r.Algorithm + " keys is due and no replica makes it."
	default:
		return nil
	}
	return out
}

func sealedElsewhere(m OtherMaster) *Attention {
	if m.MasterKey == "" {
		return &Attention{
			Code: "unreadable", Urgent: true, Text: fmt.Sprintf("%d encrypted values cannot be read at all.", m.Values),
			Do: "signet keys rewrap lists them. Restore their rows from a backup.",
		}
	}
	return &Attention{
		Code: "master_key", Urgent: true, Text: fmt.Sprintf("%d values are encrypted under the former master key %s.", m.Values, m.MasterKey),
		Do: "Once every replica has the present key as keys.master and that one among keys.master_previous, run signet keys rewrap.",
	}
}

// notCounted keeps the absence of other master keys from being taken for their end.
func notCounted() Attention {
	return Attention{
		Code: "not_counted",
		Text: "What is encrypted under which master key could not be counted within seconds: there is much of it, or it is locked.",
		Do:   "Nothing, unless you are about to take a former master key out of the settings: run signet keys rewrap first, which takes its time and says when nothing is left.",
	}
}

// lagging names verifiers that lack the next key although half of its lead is over.
func lagging(s keyring.Status, r KeyRing) *Attention {
	if r.Next == nil || r.Next.Held == nil || r.Next.Held.Lacking == 0 || r.Next.PublishedAt == nil || r.Next.ActivatedAt == nil {
		return nil
	}
	if s.Now.Before(r.Next.PublishedAt.Add(s.Schedule.Lead/2)) || r.Next.ActivatedAt.Sub(s.Now) > s.Schedule.Lead {
		return nil
	}
	return &Attention{
		Code: "laggards", Algorithm: r.Algorithm, KID: r.Next.KID,
		Text: fmt.Sprintf("%d of the verifiers seen today did not have the next %s key when they last asked. It signs from %s on.", r.Next.Held.Lacking, r.Algorithm, r.Next.ActivatedAt.UTC().Format(time.RFC3339)),
		Do:   "See who they are. Those that were replaced or shut down since do not matter; others should fetch the JWKS as its headers say.",
	}
}

// revokedLately reminds of a key that verifiers may still accept.
func revokedLately(s keyring.Status, k keyring.KeyStatus) *Attention {
	if k.CompromisedAt.IsZero() || s.Now.Sub(k.CompromisedAt) >= keys.Emergency {
		return nil
	}
	followers, unreachable := s.Schedule.Forgotten()
	return &Attention{
		Code: "revoked", Algorithm: string(k.Algorithm), KID: k.ID,
		Text: fmt.Sprintf("The key was revoked at %s. Verifiers that follow the headers refuse it from %s on, those that do not reach the issuer from %s on.",
			k.CompromisedAt.UTC().Format(time.RFC3339), k.CompromisedAt.Add(followers).UTC().Format(time.RFC3339), k.CompromisedAt.Add(unreachable).UTC().Format(time.RFC3339)),
		Do: "Restart verifiers that follow no headers.",
	}
}
