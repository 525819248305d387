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
	if clusterOwner > 0 {
		return dropTo(clusterOwner), nil // who need not have a name here: a volume from another system
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			if uid, err := strconv.Atoi(u.Uid); err == nil && uid != 0 {
				return dropTo(uid), nil
			}
		}
	}
	return account{}, errdefs.Say(errdefs.ErrUnavailable, nil,
		"PostgreSQL does not run as root and this system has neither a user postgres nor a user nobody; create one, or run signet as an ordinary user.")
}

// dropTo is the account of that user id, in its primary group.
func dropTo(uid int) account {
	a := account{name: userName(uid), uid: uid, gid: uid, dropped: true}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		if gid, err := strconv.Atoi(u.Gid); err == nil {
			a.gid = gid
		}
	}
	return a
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
