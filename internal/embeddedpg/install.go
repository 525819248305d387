package embeddedpg

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
)

// oldestMajor is the first PostgreSQL release that Signet supports.
const oldestMajor = 14

// install is one PostgreSQL found on this machine.
type install struct {
	dir     string // holds postgres and initdb
	version string // "15.18", "17beta1"
	major   int
}

func (i install) tool(name string) string { return filepath.Join(i.dir, name) }

// candidates lists the directories that hold a PostgreSQL server, the user's own choice (PATH)
// first, then what pg_config names, then the usual places with the highest version first.
func candidates(ctx context.Context) []string {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
		"/usr/lib/postgresql*/bin",          // openSUSE, Alpine (/usr/lib/postgresql17)
		"/usr/libexec/postgresql*",          // Alpine before 3.17
		"/usr/pgsql-*/bin",                  // packages of postgresql.org for Fedora and RHEL
		"/opt/homebrew/opt/postgresql*/bin", // Homebrew on Apple silicon
		"/usr/local/opt/postgresql*/bin",    // Homebrew on Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found, _ := filepath.Glob(pattern) // the patterns are well formed, the only error
		slices.SortStableFunc(found, func(a, b string) int { return cmp.Compare(pathMajor(b), pathMajor(a)) })
		dirs = append(dirs, found...)
	}
	return serverDirs(dirs)
}

// serverDirs keeps the directories that hold both programs, each server once.
func serverDirs(dirs []string) []string {
	var kept []string
	seen := map[string]bool{}
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) {
			continue // a relative PATH entry would run whatever lies in the working directory
		}
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
			continue
		}
		real, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
		if err != nil || seen[real] {
			continue
		}
		seen[real] = true
		kept = append(kept, dir)
	}
	return kept
}

var digits = regexp.MustCompile(`\d+`)

// pathMajor guesses the major version from a directory's name, for ordering only.
func pathMajor(dir string) int {
	n := 0
	for _, d := range digits.FindAllString(dir, -1) {
		n, _ = strconv.Atoi(d)
	}
	return n
}

// choose returns the install for a data directory that already holds clusters of the majors
// existing: their newest when one of the installs can run it, else the first install that is
// new enough.
func choose(ctx context.Context, dirs []string, existing []int) (install, error) {
	var usable []install
	var rejected []string
	for _, dir := range dirs {
		out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
		if err != nil {
			rejected = append(rejected, fmt.Sprintf("%s does not run (%v)", filepath.Join(dir, "postgres"), err))
			continue
		}
		inst, ok := parseVersion(dir, string(out))
		switch {
		case !ok:
			rejected = append(rejected, fmt.Sprintf("%s is of unknown version", filepath.Join(dir, "postgres")))
		case inst.major < oldestMajor:
			rejected = append(rejected, fmt.Sprintf("%s is version %s", filepath.Join(dir, "postgres"), inst.version))
		default:
			usable = append(usable, inst)
		}
		if len(usable) > 0 && (len(existing) == 0 || usable[len(usable)-1].major == slices.Max(existing)) {
			return usable[len(usable)-1], nil
		}
	}
	for _, major := range slices.Backward(slices.Sorted(slices.Values(existing))) {
		for _, inst := range usable {
			if inst.major == major {
				return inst, nil
			}
		}
	}
	switch {
	case len(usable) > 0:
		return usable[0], nil
	case len(rejected) > 0:
		return install{}, errdefs.Say(errdefs.ErrUnavailable, nil, "PostgreSQL %d or later is needed, but %s; install a newer one with `%s`, or name another server with --database-url.",
			oldestMajor, strings.Join(rejected, " and "), installLine(runtime.GOOS, readOSRelease(), os.Geteuid()))
	default:
		return install{}, errdefs.Say(errdefs.ErrUnavailable, nil, "PostgreSQL is not installed; install it with `%s`, or name another server with --database-url.",
			installLine(runtime.GOOS, readOSRelease(), os.Geteuid()))
	}
}

// Installed returns the version of the PostgreSQL that Start uses for a new cluster.
func Installed(ctx context.Context) (string, error) {
	inst, err := choose(ctx, candidates(ctx), nil)
	return inst.version, err
}

var versionText = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[^ \n]*)`)

// parseVersion reads the output of `postgres --version`.
func parseVersion(dir, output string) (install, bool) {
	m := versionText.FindStringSubmatch(output)
	if m == nil {
		return install{}, false
	}
	major, err := strconv.Atoi(m[2])
	return install{dir: dir, version: m[1], major: major}, err == nil
}

func readOSRelease() string {
	b, _ := os.ReadFile("/etc/os-release") // without it the line is the general one
	return string(b)
}

// installLine is the command that installs PostgreSQL on this platform.
func installLine(goos, osRelease string, euid int) string {
	if goos == "darwin" {
		return "brew install postgresql@17"
	}
	words := map[string]bool{}
	for line := range strings.Lines(osRelease) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name == "ID" || name == "ID_LIKE" {
			for _, w := range strings.Fields(strings.Trim(value, `"'`)) {
				words[w] = true
			}
		}
	}
	line := ""
	switch {
	case words["debian"] || words["ubuntu"]:
		line = "apt-get install postgresql"
	case words["fedora"] || words["rhel"] || words["centos"]:
		line = "dnf install postgresql-server"
	case words["alpine"]:
		line = "apk add postgresql"
	case words["arch"]:
		line = "pacman -S postgresql"
	case words["suse"] || words["opensuse"]:
		line = "zypper install postgresql-server"
	default:
		return "your system's package manager (the package with the postgres and initdb programs)"
	}
	if euid != 0 {
		return "sudo " + line
	}
	return line
}
