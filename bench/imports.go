package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/signet-id/signet/bench/internal/fill"
	"github.com/signet-id/signet/bench/internal/progress"
	"github.com/signet-id/signet/bench/internal/report"
	"github.com/signet-id/signet/bench/internal/rig"
)

// importTenant is who the imported people belong to: the first tenant of the data.
const importTenant = "tenant-0"

func importCommand() *cobra.Command {
	o := defaults()
	rows, format := 100_000, "csv"
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Measure the import of people with their password hashes",
		Long: fmt.Sprintf(`Runs signet import users as an operator would, in a process of its own, over the administration
of a running server: first a file with a tenth of the rows, then the whole. Every person comes with
a hash, a membership and a role. The aim is %d rows a second, and memory that does not depend on
the size of the file. Beside it stands a bare COPY of the same rows into an unlogged table without
an index.`, report.ImportTarget),
		Example: `  bench import
  bench import --rows 10000 --format keycloak`,
		Args: cobra.NoArgs, SilenceUsage: true,
		PreRunE: func(*cobra.Command, []string) error {
			o.scenarios = []string{"client_credentials"} // none is run
			if rows < 10 || format != "csv" && format != "keycloak" {
				return errors.New("--rows is 10 or more, --format csv or keycloak")
			}
			return o.isolate()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return imports(cmd.Context(), o, rows, format) },
	}
	o.flags(cmd.Flags())
	cmd.Flags().IntVar(&rows, "rows", rows, "people in the larger file")
	cmd.Flags().StringVar(&format, "format", format, "`format` of the files: csv or keycloak")
	return cmd
}

// imports is the whole of `bench import`.
func imports(ctx context.Context, o *options, rows int, format string) (err error) {
	bar := progress.New(os.Stderr)
	s, err := newStage(ctx, o, bar)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := report.Imports{
		Date: time.Now(), Machine: rig.Look(ctx, o.source), Settings: s.settings(), PostgreSQL: s.postgresql(), Format: format,
	}
	first := 0
	for _, n := range []int{rows / 10, rows} {
		bar.Show(fmt.Sprintf("import %d people", n), 0, 1, "")
		people := stretch{first, n}
		f, err := s.importOnce(ctx, people, format)
		if err != nil {
			return s.explain(err)
		}
		r.Files = append(r.Files, f)
		first += n
	}
	bar.Clear()
	r.Text(os.Stdout)
	return errors.Join(
		write(o.json, r.JSON),
		write(o.markdown, func(w io.Writer) error { r.Markdown(w); return nil }),
	)
}

// stretch is people by number.
type stretch struct{ first, count int }

// person is what a file says of one.
type person struct{ email, name, hash string }

// person makes up a person, the same for the same number. The hash has the form and the length of
// one that Keycloak made; it is of no password.
func (p stretch) person(i int) person {
	n := p.first + i
	var salt [16]byte
	var key [64]byte
	for at := 0; at < len(key); at += 8 {
		binary.BigEndian.PutUint64(key[at:], uint64(n+1)*0x9e3779b97f4a7c15+uint64(at))
	}
	copy(salt[:], key[8:])
	b64 := base64.StdEncoding
	return person{
		email: fmt.Sprintf("imported-%d@people.example", n),
		name:  fmt.Sprintf("Person Number %d", n),
		hash:  fmt.Sprintf("$pbkdf2-sha512$210000$%s$%s", b64.EncodeToString(salt[:]), b64.EncodeToString(key[:])),
	}
}

// importOnce measures one file.
func (s *stage) importOnce(ctx context.Context, p stretch, format string) (f report.Import, err error) {
	path := filepath.Join(s.dir, fmt.Sprintf("people-%d.%s", p.count, map[string]string{"csv": "csv", "keycloak": "json"}[format]))
	if f.Bytes, err = p.write(path, format); err != nil {
		return f, err
	}
	defer func() { _ = os.Remove(path) }() // its directory goes too
	f.Rows = p.count
	if f.CopySecond, err = s.copyOnly(ctx, p); err != nil {
		return f, err
	}
	rig.ForgetPeak(s.server.PID())
	before, err := rig.ReadMemory(s.server.PID())
	if err != nil {
		return f, err
	}
	f.ServerIdle = before.Resident
	cmd := exec.CommandContext(ctx, s.binary, "import", "users", path, "--tenant", importTenant, "--output", "json", "--role", "viewer=viewer")
	if format == "csv" {
		cmd.Args = cmd.Args[:len(cmd.Args)-2]
	}
	cmd.Env = []string{
		"SIGNET_URL=" + s.server.Issuer, "SIGNET_CLIENT_ID=" + fill.Admin, "SIGNET_CLIENT_SECRET=" + fill.Secret().Reveal(),
		"HOME=" + s.dir,
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return f, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		case <-time.After(10 * time.Millisecond):
			if m, err := rig.ReadMemory(cmd.Process.Pid); err == nil { // else it is just ending
				f.ClientPeak = max(f.ClientPeak, m.Peak)
			}
		}
	}
	f.Seconds = time.Since(began).Seconds()
	if err != nil {
		return f, fmt.Errorf("signet import users: %w\n%s", err, stderr.String())
	}
	after, err := rig.ReadMemory(s.server.PID())
	if err != nil {
		return f, err
	}
	f.ServerPeak = after.Peak
	var summary struct {
		Created int `json:"created"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &summary); err != nil || summary.Created != p.count {
		return f, fmt.Errorf("%d people were imported as\n%s", p.count, stdout.String())
	}
	return f, s.countImported(ctx, p)
}

// countImported checks that everybody is there with all that the file gave them.
func (s *stage) countImported(ctx context.Context, p stretch) error {
	conn, err := pgx.Connect(ctx, s.db.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var n int
	err = conn.QueryRow(ctx, `SELECT count(*) FROM user_account u JOIN password_credential p ON p.user_id = u.id
		JOIN membership_role r ON r.user_id = u.id WHERE r.role = 'viewer' AND u.email LIKE 'imported-%'`).Scan(&n)
	if err == nil && n != p.first+p.count {
		err = fmt.Errorf("%d of %d people have a password and a role", n, p.first+p.count)
	}
	return err
}

// copyOnly is the rate at which the same rows are taken by a table without index or log.
func (s *stage) copyOnly(ctx context.Context, p stretch) (float64, error) {
	conn, err := pgx.Connect(ctx, s.db.URL)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `CREATE UNLOGGED TABLE bare (email text, name text, hash text, tenant text, role text)`); err != nil {
		return 0, err
	}
	i := 0
	began := time.Now()
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"bare"}, []string{"email", "name", "hash", "tenant", "role"}, pgx.CopyFromFunc(func() ([]any, error) {
		if i == p.count {
			return nil, nil
		}
		who := p.person(i)
		i++
		return []any{who.email, who.name, who.hash, importTenant, "viewer"}, nil
	}))
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	_, err = conn.Exec(ctx, `DROP TABLE bare`)
	return float64(p.count) / took.Seconds(), err
}

// write writes the file that is imported.
func (p stretch) write(path, format string) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriter(f)
	if format == "csv" {
		err = p.csv(w)
	} else {
		err = p.keycloak(w)
	}
	err = errors.Join(err, w.Flush())
	info, statErr := f.Stat()
	if err = errors.Join(err, statErr, f.Close()); err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (p stretch) csv(out io.Writer) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{"email", "email_verified", "name", "password_hash", "roles"}) // its error stays
	for i := range p.count {
		who := p.person(i)
		_ = w.Write([]string{who.email, "true", who.name, who.hash, "viewer"})
	}
	w.Flush()
	return w.Error()
}

func (p stretch) keycloak(out io.Writer) error {
	fmt.Fprint(out, `{"realm":"bench","roles":{"realm":[{"name":"viewer"}]},"users":[`) // its error stays
	for i := range p.count {
		who := p.person(i)
		part := bytes.Split([]byte(who.hash), []byte{'$'})
		secret, _ := json.Marshal(map[string]any{"value": string(part[4]), "salt": string(part[3]), "additionalParameters": map[string]any{}})
		user, err := json.Marshal(map[string]any{
			"id": fmt.Sprint(p.first + i), "username": who.email, "email": who.email, "emailVerified": true, "enabled": true,
			"firstName": "Person", "lastName": fmt.Sprint("Number ", p.first+i), "realmRoles": []string{"viewer"}, "groups": []string{},
			"credentials": []any{map[string]any{
				"type": "password", "secretData": string(secret),
				"credentialData": `{"hashIterations":210000,"algorithm":"pbkdf2-sha512","additionalParameters":{}}`,
			}},
		})
		if err != nil {
			return err
		}
		if i > 0 {
			fmt.Fprint(out, ",")
		}
		if _, err := out.Write(user); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(out, "]}")
	return err
}
