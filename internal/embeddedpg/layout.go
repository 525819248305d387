package embeddedpg

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/filelock"
)

const (
	superuser = "signet"
	port      = "5432"
	// maxSocketPath keeps the whole path within sun_path: 104 bytes on macOS, 108 on Linux.
	maxSocketPath = 100
	// locationFile says, inside the data directory, where the cluster really is.
	locationFile = "postgres-location"
	// elsewhere is the start of the directory used when root's unprivileged user cannot reach
	// the data directory.
	elsewhere = "/var/lib/signet-dev-"
)

// place is the directory that holds clusters, their lock and their logs.
type place struct {
	base    string
	dataDir string // what the user named; differs from base when the cluster is elsewhere
}

// layout is where one cluster's things are.
type layout struct {
	base, data, log, socketDir string
}

// locate decides where the clusters of dataDir live and who runs them.
func locate(dataDir string, log *slog.Logger) (place, account, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return place{}, account{}, unusable(dataDir, err)
	}
	root := os.Geteuid() == 0
	mode := os.FileMode(0o700)
	if root {
		mode = 0o711 // the unprivileged user passes through, and can list nothing
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return place{}, account{}, unusable(dir, err)
	}
	// Symbolic links are resolved so that one directory has one lock and one socket.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return place{}, account{}, unusable(dir, err)
	}
	p := place{base: dir, dataDir: dir}
	acct, err := chooseAccount(p.clusterOwner())
	if err != nil || !root || reachable(dir, acct) {
		return p, acct, err
	}
	if p, err = p.moveElsewhere(acct); err != nil {
		return place{}, account{}, err
	}
	if uid := p.clusterOwner(); uid > 0 {
		acct = dropTo(uid)
	}
	log.Info("the cluster is kept outside the data directory, where PostgreSQL's user can reach it",
		slog.String("user", acct.name), slog.String("cluster", p.base))
	return p, acct, nil
}

// CanHost reports whether a cluster in dir would really be kept in dir: that the user whom
// PostgreSQL would run as can reach it.
func CanHost(dir string) bool {
	acct, err := chooseAccount(-1)
	return err == nil && reachable(dir, acct)
}

// reachable reports whether acct may pass through dir and everything above it.
func reachable(dir string, acct account) bool {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	for {
		info, err := os.Stat(dir)
		if err != nil || !acct.canSearch(info) {
			return false
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return true
	}
}

// moveElsewhere returns the place outside the data directory. The note in the data directory
// is what ties the two together: with the note gone the user has wiped the data directory, and
// a cluster left from before, whose master key went with it, is removed.
func (p place) moveElsewhere(acct account) (place, error) {
	digest := sha256.Sum256([]byte(p.dataDir))
	base := elsewhere + hex.EncodeToString(digest[:6])
	note := filepath.Join(p.dataDir, locationFile)
	if b, err := os.ReadFile(note); err == nil && validElsewhere(strings.TrimSpace(string(b))) {
		base = strings.TrimSpace(string(b)) // the data directory may have been renamed since
	} else if errors.Is(err, fs.ErrNotExist) {
		if err := removeIdle(base); err != nil {
			return place{}, err
		}
	}
	if err := os.MkdirAll(base, 0o711); err != nil {
		return place{}, unusable(base, err)
	}
	if !reachable(base, acct) {
		return place{}, errdefs.Say(errdefs.ErrDenied, nil,
			"user %s, whom PostgreSQL runs as, can reach neither %s nor %s; choose a data directory that it can pass through.", acct.name, p.dataDir, base)
	}
	if err := os.WriteFile(note, []byte(base+"\n"), 0o644); err != nil {
		return place{}, unusable(p.dataDir, err)
	}
	return place{base: base, dataDir: p.dataDir}, nil
}

var elsewhereName = regexp.MustCompile(`^` + elsewhere + `[0-9a-f]{12}$`)

func validElsewhere(path string) bool { return elsewhereName.MatchString(path) }

// removeIdle removes a place that no process uses.
func removeIdle(base string) error {
	lock, err := takeLock(base, base, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer lock.Close()
	if err := os.RemoveAll(base); err != nil {
		return unusable(base, err)
	}
	return nil
}

// Remove forgets the clusters of dataDir, wherever they are kept, and leaves the rest of the
// data directory alone. It refuses with errdefs.ErrConflict while a process uses them.
func Remove(dataDir string) error {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return unusable(dataDir, err)
	}
	if real, err := filepath.EvalSymlinks(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err == nil {
		dir = real
	}
	note := filepath.Join(dir, locationFile)
	if b, err := os.ReadFile(note); err == nil && validElsewhere(strings.TrimSpace(string(b))) {
		if err := removeIdle(strings.TrimSpace(string(b))); err != nil {
			return err
		}
		return os.Remove(note)
	}
	lock, err := takeLock(dir, dir, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer lock.Close()
	for _, major := range (place{base: dir}).majors() {
		l := layoutOf(dir, major, owner(clusterDir(dir, major)))
		if err := l.remove(); err != nil {
			return unusable(dir, err)
		}
	}
	return nil
}

// prepare takes the place's lock, which lasts as long as the returned file is open: the kernel
// drops it with the process.
func (p place) prepare() (*os.File, error) {
	return takeLock(p.base, p.dataDir, os.O_RDWR|os.O_CREATE)
}

// takeLock locks the directory base; errors speak of dataDir.
func takeLock(base, dataDir string, flag int) (*os.File, error) {
	f, err := filelock.Take(filepath.Join(base, "pg.lock"), flag)
	switch {
	case errors.Is(err, filelock.ErrHeld):
		return nil, errdefs.Say(errdefs.ErrConflict, err,
			"the data directory %s is in use by another signet; stop that one, or choose another data directory.", dataDir)
	case err != nil:
		return nil, unusable(base, err)
	}
	return f, nil
}

// layoutOf computes where things are; it creates nothing.
func layoutOf(base string, major, uid int) layout {
	l := layout{base: base, data: clusterDir(base, major), socketDir: filepath.Join(base, "run")}
	l.log = l.data + ".log"
	// pgx and libpq read a comma in the host as the start of another host.
	if len(l.socketFile()) > maxSocketPath || strings.Contains(l.socketDir, ",") {
		digest := sha256.Sum256([]byte(base))
		l.socketDir = fmt.Sprintf("/tmp/signet-%d-%s", uid, hex.EncodeToString(digest[:6]))
	}
	return l
}

// layout creates what surrounds the cluster of that major version.
func (p place) layout(major int, acct account) (layout, error) {
	l := layoutOf(p.base, major, acct.uid)
	if uid := owner(l.data); uid >= 0 && uid != acct.uid {
		return layout{}, errdefs.Say(errdefs.ErrDenied, nil,
			"the cluster %s belongs to user %s, not to %s; run signet as that user, or choose another data directory.", l.data, userName(uid), acct.name)
	}
	if err := privateDir(l.socketDir, acct); err != nil {
		return layout{}, err
	}
	return l, nil
}

// privateDir makes dir a directory that acct alone may enter. /tmp is shared: what stands
// there already must be a real directory of the account's own.
func privateDir(dir string, acct account) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = acct.own(dir)
	} else if errors.Is(err, fs.ErrExist) {
		info, statErr := os.Lstat(dir)
		if statErr != nil {
			return unusable(dir, statErr)
		}
		// A kill between Mkdir and own leaves the directory with this process's user.
		if uid := owner(dir); !info.IsDir() || (uid != acct.uid && uid != os.Geteuid()) {
			return errdefs.Say(errdefs.ErrDenied, nil, "%s is not a directory of user %s; remove it, or choose another data directory.", dir, acct.name)
		}
		err = errors.Join(os.Chmod(dir, 0o700), acct.own(dir))
	}
	if err != nil {
		return unusable(dir, err)
	}
	return nil
}

func (l layout) socketFile() string { return filepath.Join(l.socketDir, ".s.PGSQL."+port) }

// removable lists everything that belongs to the cluster.
func (l layout) removable() []string {
	return []string{l.data, l.log, l.log + ".old", l.socketDir, filepath.Join(l.base, "pg.lock")}
}

// remove deletes the cluster, and the base directory when nothing of anybody else's is in it.
func (l layout) remove() error {
	for _, path := range l.removable() {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	_ = os.Remove(l.base) // fails when something else is kept there, as it should
	return nil
}

func clusterDir(base string, major int) string {
	return filepath.Join(base, "pg"+strconv.Itoa(major))
}

var clusterName = regexp.MustCompile(`^pg([0-9]+)$`)

// majors lists the versions of the clusters that exist in the place.
func (p place) majors() []int {
	entries, _ := os.ReadDir(p.base) // an unreadable directory is reported when it is locked
	var majors []int
	for _, e := range entries {
		if m := clusterName.FindStringSubmatch(e.Name()); m != nil && e.IsDir() {
			n, _ := strconv.Atoi(m[1])
			majors = append(majors, n)
		}
	}
	return majors
}

// clusterOwner returns who owns the clusters that exist, or -1.
func (p place) clusterOwner() int {
	for _, major := range p.majors() {
		return owner(clusterDir(p.base, major))
	}
	return -1
}

func unusable(dir string, err error) error {
	reason := err
	var path *fs.PathError
	if errors.As(err, &path) {
		reason, dir = path.Err, path.Path
	}
	return errdefs.Say(errdefs.ErrDenied, err, "%s cannot be used by user %s (%v); make it readable and writable for that user, or choose another data directory.",
		dir, userName(os.Geteuid()), reason)
}
