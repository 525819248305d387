package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/signet-id/signet"

// file is one Go file of ours.
type file struct {
	name string // cmd/signet/main.go
	pkg  string // cmd/signet
	test bool
	tree *ast.File
	// imports maps local names to import paths.
	imports map[string]string
}

// load parses every Go file of the module in root.
func load(t *testing.T, root fs.FS) []file {
	t.Helper()
	var files []file
	set := token.NewFileSet()
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != ".":
			base := d.Name()
			_, nested := fs.Stat(root, path.Join(name, "go.mod"))
			if strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" || base == "bin" || nested == nil {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		tree, err := parser.ParseFile(set, name, b, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f := file{name: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), tree: tree, imports: map[string]string{}}
		for _, spec := range tree.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			local := path.Base(to)
			if len(local) > 1 && local[0] == 'v' && strings.Trim(local[1:], "0123456789") == "" {
				local = path.Base(path.Dir(to)) // …/pgx/v5 is package pgx
			}
			if spec.Name != nil {
				local = spec.Name.Name
			}
			if local == "_" || local == "." {
				local += to // several may stand in one file
			}
			f.imports[local] = to
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// in reports whether pkg is in a list such as "keys pkg/...".
func in(list, pkg string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(pattern string) bool {
		prefix, tree := strings.CutSuffix(pattern, "...")
		prefix = strings.TrimSuffix(prefix, "/")
		return pkg == prefix || tree && (prefix == "" || strings.HasPrefix(pkg, prefix+"/"))
	})
}
