package app

import "github.com/signet-id/signet/internal/adminapi"

// administration is the admin API over this replica's rooms.
func (r *rooms) administration(o Options) *adminapi.API {
	return adminapi.New(adminapi.Config{
		Callers: r.issuer,
		Audit:   r.recorder,
		Tenants: r.db.Tenants(),
		Imports: r.db.Imports(),
		History: r.db.Audit(),

		Users:       r.db.Users(),
		Memberships: r.db.Users(),
		Rules:       r.rules,
		Hasher:      r.hasher,
		Members:     r.db.Members(),
		Roles:       r.db.Roles(),
		Templates:   r.db.Templates(),

		ForgetClient:    r.clients.Forget,
		ForgetUser:      r.subjects.Forget,
		ForgetEverybody: r.subjects.ForgetAll,

		Caller: caller,
		Now:    o.Now,
		Log:    o.Log,
	})
}
