package archtest

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// root is where go.mod is.
const root = "../.."

func TestImportsFollowTheArrows(t *testing.T) {
	t.Parallel()
	report(t, checkArrows(load(t, os.DirFS(root))))
}

func TestDependenciesStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	report(t, checkReserved(load(t, os.DirFS(root))))
}

func TestOnlyNamedPackagesOpenConnections(t *testing.T) {
	t.Parallel()
	report(t, checkOutbound(load(t, os.DirFS(root))))
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Error(fault)
	}
}

func checkArrows(files []file) (faults []string) {
	for _, f := range files {
		if f.test {
			continue
		}
		may, known := "", false
		for _, a := range arrows {
			if in(a.of, f.pkg) {
				may, known = a.may, true
				break
			}
		}
		if !known {
			faults = append(faults, fmt.Sprintf("%s: the package %s has no place yet: add it to arrows in internal/archtest/rules_test.go", f.name, f.pkg))
			continue
		}
		for _, to := range sorted(f.imports) {
			to, ours := strings.CutPrefix(to, module+"/")
			if ours && !in(may, to) {
				faults = append(faults, fmt.Sprintf("%s: %s may not import %s", f.name, f.pkg, to))
			}
		}
	}
	return faults
}

func checkReserved(files []file) (faults []string) {
	for _, f := range files {
		for _, to := range sorted(f.imports) {
			for _, r := range reserved {
				if !in(r.dependency, to) {
					continue
				}
				if (r.tests || !f.test) && !in(r.only, f.pkg) {
					faults = append(faults, fmt.Sprintf("%s: %s may not import %s: %s", f.name, f.pkg, to, r.why))
				}
				break // the first line that fits decides
			}
		}
	}
	return faults
}

func checkOutbound(files []file) (faults []string) {
	for _, f := range files {
		if f.test || slices.ContainsFunc(mayDial, func(d struct{ of, why string }) bool { return in(d.of, f.pkg) }) {
			continue
		}
		for path := range outbound {
			if _, dot := f.imports["."+path]; dot {
				faults = append(faults, fmt.Sprintf("%s: a dot import of %s hides who opens connections", f.name, path))
			}
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := selector.X.(*ast.Ident); ok && slices.Contains(outbound[f.imports[x.Name]], selector.Sel.Name) {
				faults = append(faults, fmt.Sprintf("%s: %s.%s opens connections: what it may connect to must be decided in mayDial, internal/archtest/rules_test.go",
					f.name, x.Name, selector.Sel.Name))
			}
			return true
		})
	}
	return faults
}

// sorted returns the import paths in an order that does not change from run to run.
func sorted(imports map[string]string) []string {
	return slices.Sorted(maps.Values(imports))
}

// Each check must be able to fail: these are programs that break one rule each.
func TestTheChecksNoticeWhatTheyForbid(t *testing.T) {
	t.Parallel()
	ours := module + "/"
	for _, c := range []struct {
		name, file, source string
		check              func([]file) []string
		want               string // part of the one fault; "" for none
	}{
		{"rules do not import adapters", "internal/grant/x.go", `import "` + ours + `internal/postgres"`, checkArrows, "may not import internal/postgres"},
		{"rules import rules", "internal/grant/x.go", `import "` + ours + `internal/client"`, checkArrows, ""},
		{"the issuer does not import pages", "internal/issuer/x.go", `import "` + ours + `internal/ui"`, checkArrows, "may not import internal/ui"},
		{"the issuer does not import stores", "internal/issuer/x.go", `import "` + ours + `internal/postgres"`, checkArrows, "may not import internal/postgres"},
		{"interaction does not import the issuer", "internal/interaction/x.go", `import "` + ours + `internal/issuer"`, checkArrows, "may not import internal/issuer"},
		{"stores do not import surfaces", "internal/postgres/x.go", `import "` + ours + `internal/issuer"`, checkArrows, "may not import internal/issuer"},
		{"keys imports nothing of ours", "keys/x.go", `import "` + ours + `internal/errdefs"`, checkArrows, "may not import internal/errdefs"},
		{"pkg imports keys", "pkg/verify/x.go", `import "` + ours + `keys"`, checkArrows, ""},
		{"pkg imports nothing internal", "pkg/verify/x.go", `import "` + ours + `internal/errdefs"`, checkArrows, "may not import internal/errdefs"},
		{"the demo imports nothing internal", "internal/demo/orders/x.go", `import "` + ours + `internal/id"`, checkArrows, "may not import internal/id"},
		{"nothing imports the program", "internal/server/x.go", `import "` + ours + `internal/app"`, checkArrows, "may not import internal/app"},
		{"a new package needs a place", "internal/utils/x.go", ``, checkArrows, "has no place yet"},
		{"tests may import what they need", "internal/grant/x_test.go", `import "` + ours + `internal/postgres"`, checkArrows, ""},

		{"what has left does not come back", "internal/issuer/x.go", imports(fosite + "/handler/oauth2"), checkReserved, "may not import " + fosite},
		{"what has left does not come back, in tests neither", "internal/server/x_test.go", imports(fosite), checkReserved, "may not import " + fosite},
		{"rules do not know HTTP", "internal/client/x.go", `import "net/http"`, checkReserved, "rules and stores do not know HTTP"},
		{"keys does not know HTTP", "keys/x.go", `import h "net/http"`, checkReserved, "rules and stores do not know HTTP"},
		{"surfaces do not know SQL", "internal/issuer/x.go", `import "github.com/jackc/pgx/v5"`, checkReserved, "SQL lives in internal/postgres"},
		{"rules do not know SQL", "internal/grant/x.go", `import _ "database/sql/driver"`, checkReserved, "SQL lives in internal/postgres"},
		{"config asks pgx about a URL and no more", "internal/config/x.go", `import "github.com/jackc/pgx/v5/pgxpool"`, checkReserved, "SQL lives in internal/postgres"},
		{"generated statements have one caller", "internal/app/x.go", `import "` + ours + `internal/postgres/sqlcgen"`, checkReserved, "called by one package"},
		{"test databases stay out of the binary", "internal/app/x.go", `import "` + ours + `internal/postgres/pgtest"`, checkReserved, "stay out of the binary"},
		{"browsers stay out of the binary", "cmd/signet/x.go", `import "` + ours + `test/browsertest"`, checkReserved, "stays out of the binary"},
		{"tests drive browsers through one package", "internal/ui/x_test.go", `import "github.com/chromedp/chromedp"`, checkReserved, "through test/browsertest"},
		{"tests may drive browsers", "internal/ui/x_test.go", `import "` + ours + `test/browsertest"`, checkReserved, ""},

		{"a client", "internal/issuer/x.go", `import "net/http"; var c http.Client`, checkOutbound, "http.Client opens connections"},
		{"a client under another name", "internal/issuer/x.go", `import web "net/http"; var c = web.DefaultClient`, checkOutbound, "web.DefaultClient opens connections"},
		{"a request", "internal/server/x.go", `import "net/http"; var _, _ = http.Get("x")`, checkOutbound, "http.Get opens connections"},
		{"a socket", "internal/ui/x.go", `import "net"; var _, _ = net.Dial("tcp", "x")`, checkOutbound, "net.Dial opens connections"},
		{"a dot import", "internal/ui/x.go", `import . "net"; var _ = IP{}`, checkOutbound, "a dot import of net"},
		{"a provider", "internal/issuer/x.go", `import "github.com/coreos/go-oidc/v3/oidc"; var f = oidc.NewProvider`, checkOutbound, "oidc.NewProvider opens connections"},
		{"serving is no connection", "internal/server/x.go", `import "net/http"; var s http.Server`, checkOutbound, ""},
		{"a named package", "internal/demo/x.go", `import "net/http"; var c http.Client`, checkOutbound, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			faults := c.check(load(t, fstest.MapFS{c.file: {Data: []byte("package x\n" + c.source)}}))
			switch {
			case c.want == "" && len(faults) > 0:
				t.Errorf("refused: %q", faults)
			case c.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], c.want)):
				t.Errorf("faults are %q, want one with %q", faults, c.want)
			}
		})
	}
}

// A check that looks at nothing passes too.
func TestTheWholeModuleIsRead(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range load(t, os.DirFS(root)) {
		seen[f.pkg] = true
	}
	for _, pkg := range []string{"cmd/signet", "internal/issuer", "internal/postgres/sqlcgen", "internal/archtest", "keys", "migrations"} {
		if !seen[pkg] {
			t.Errorf("%s was not read", pkg)
		}
	}
	if seen["internal/tools"] {
		t.Error("internal/tools is another module")
	}
}

// fosite is spelled in two parts, so that a search for its importers finds importers only.
const fosite = "github.com/" + "ory/fosite"

// imports is the source of an import declaration.
func imports(path string) string { return `import "` + path + `"` }
