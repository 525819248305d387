package embeddedpg

import (
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/signet-id/signet/internal/errdefs"
)

// account is the user whom PostgreSQL runs as. PostgreSQL refuses to run as root.
type account struct {
	name     string
	uid, gid int
	dropped  bool // this process is root and its children change to the account
}

// chooseAccount returns this process's own user, or for root an unprivileged one: the owner of
// the cluster that exists already, else "postgres", else "nobody".
func chooseAccount(clusterOwner int) (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{name: userName(uid), uid: uid, gid: os.Getegid()}, nil
	}
	var lookups []func() (*user.User, error)
	if clusterOwner > 0 {
		lookups = append(lookups, func() (*user.User, error) { return user.LookupId(strconv.Itoa(clusterOwner)) })
	}
	for _, name := range []string{"postgres", "nobody"} {
		lookups = append(lookups, func() (*user.User, error) { return user.Lookup(name) })
	}
	for _, lookup := range lookups {
		u, err := lookup()
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return account{name: u.Username, uid: uid, gid: gid, dropped: true}, nil
		}
	}
	return account{}, fail(errdefs.ErrUnavailable, nil,
		"PostgreSQL does not run as root and this system has neither a user postgres nor a user nobody; create one, or run signet as an ordinary user.")
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(uid)
}

// attributes are what every child of the account starts with. A session of its own keeps the
// terminal's Ctrl-C away from the child: it must outlive the requests that this process is
// still finishing.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if a.dropped {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}

// own gives path to the account.
func (a account) own(path string) error {
	if !a.dropped {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// canSearch reports whether the account may pass through a directory with that owner and mode.
func (a account) canSearch(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	switch mode := info.Mode().Perm(); {
	case int(stat.Uid) == a.uid:
		return mode&0o100 != 0
	case int(stat.Gid) == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

// owner returns the user id that owns path, or -1.
func owner(path string) int {
	info, err := os.Lstat(path)
	if err != nil {
		return -1
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}
