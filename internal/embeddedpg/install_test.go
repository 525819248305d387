package embeddedpg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/errdefs"
)

// fakeInstall is a directory whose postgres only tells a version.
func fakeInstall(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version)
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheInstallIsChosenByPlaceVersionAndExistingData(t *testing.T) {
	t.Parallel()
	old, v14, v16, v17 := fakeInstall(t, "9.6.24"), fakeInstall(t, "14.2 (Debian 14.2-1)"), fakeInstall(t, "16.1"), fakeInstall(t, "17beta1")
	for name, c := range map[string]struct {
		dirs     []string
		existing []int
		want     string
	}{
		"the first one wins":                                {[]string{v16, v17, v14}, nil, "16.1"},
		"too old ones are passed over":                      {[]string{old, v14}, nil, "14.2"},
		"existing data calls for its own version":           {[]string{v16, v17, v14}, []int{14}, "14.2"},
		"the newest existing data counts":                   {[]string{v14, v17, v16}, []int{14, 17}, "17beta1"},
		"the next newest when the newest cannot run":        {[]string{v16, v14}, []int{14, 18}, "14.2"},
		"data of a missing version does not stop the start": {[]string{v16}, []int{15}, "16.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := choose(t.Context(), c.dirs, c.existing)
			if err != nil || got.version != c.want {
				t.Errorf("got %+v, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestAMissingOrTooOldPostgreSQLIsReportedWithTheFix(t *testing.T) {
	t.Parallel()
	old := fakeInstall(t, "13.9")
	for name, c := range map[string]struct {
		dirs []string
		want string
	}{
		"missing": {nil, "PostgreSQL is not installed; install it with `"},
		"too old": {[]string{old}, "PostgreSQL 14 or later is needed, but " + old + "/postgres is version 13.9; install a newer one with `"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := choose(t.Context(), c.dirs, nil)
			if !errors.Is(err, errdefs.ErrUnavailable) || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestTheInstallLineSuitsThePlatform(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		goos, release string
		euid          int
		want          string
	}{
		{"darwin", "", 501, "brew install postgresql@17"},
		{"linux", "NAME=x\nID=debian\n", 0, "apt-get install postgresql"},
		{"linux", "ID=pop\nID_LIKE=\"ubuntu debian\"\n", 1000, "sudo apt-get install postgresql"},
		{"linux", "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", 0, "dnf install postgresql-server"},
		{"linux", "ID=alpine\n", 0, "apk add postgresql"},
		{"linux", "ID=arch\n", 1000, "sudo pacman -S postgresql"},
		{"linux", "ID=opensuse-leap\nID_LIKE='suse opensuse'\n", 0, "zypper install postgresql-server"},
	} {
		if got := installLine(c.goos, c.release, c.euid); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.goos, c.release, got, c.want)
		}
	}
	if got := installLine("linux", "ID=plan9", 0); !strings.Contains(got, "postgres and initdb") {
		t.Errorf("unknown system: %q", got)
	}
}

func TestOnlyAbsoluteDirectoriesWithAServerAreConsidered(t *testing.T) {
	t.Parallel()
	good, linked, half := fakeInstall(t, "16.1"), t.TempDir(), fakeInstall(t, "17.1")
	if err := os.Remove(filepath.Join(half, "initdb")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.Symlink(filepath.Join(good, name), filepath.Join(linked, name)); err != nil {
			t.Fatal(err)
		}
	}
	got := serverDirs([]string{".", "", half, linked, good, good})
	if len(got) != 1 || got[0] != linked {
		t.Errorf("got %v, want the first of the two names, %s", got, linked)
	}
}
