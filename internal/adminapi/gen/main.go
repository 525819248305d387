// Command gen writes what is made from the operations of the administration: the OpenAPI document
// and pkg/adminclient/generated.go. It needs neither a network nor a database.
//
//	go run ./internal/adminapi/gen [directory]
//
// The directory is the repository's, "." unless given.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/signet-id/signet/internal/adminapi"
	"github.com/signet-id/signet/internal/adminapi/clientgen"
)

func main() {
	directory := "."
	if len(os.Args) > 1 {
		directory = os.Args[1]
	}
	if err := run(directory); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(directory string) error {
	document, err := adminapi.New(adminapi.Config{}).Document()
	if err != nil {
		return err
	}
	source, err := clientgen.Generate(document, adminapi.Prefix)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{"docs/openapi/admin.json", append(document, '\n')},
		{"pkg/adminclient/generated.go", source},
	} {
		if err := write(filepath.Join(directory, filepath.FromSlash(f.name)), f.content); err != nil {
			return err
		}
	}
	return nil
}

func write(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}
