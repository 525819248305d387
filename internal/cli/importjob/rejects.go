package importjob

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/importer"
)

// head is the first line of the file of rejects.
const head = "position,status,email,reason\n"

// checkRejects keeps a file that holds something else from being overwritten.
func checkRejects(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	begin := make([]byte, len(head))
	n, err := io.ReadFull(f, begin)
	if n > 0 && string(begin) != head {
		err = errdefs.Say(errdefs.ErrInvalid, nil, "%s holds something else: choose another file with --rejects", path)
	} else if errors.Is(err, io.EOF) {
		err = nil // it is empty
	}
	return errors.Join(err, f.Close())
}

// rejects is the file that says which entries were not imported. It is made when there is one.
type rejects struct {
	path string
	size int64
	kept bool // go on behind size, not at the start
	file *os.File
}

func (r *rejects) write(refused []importer.Refusal) error {
	if len(refused) == 0 {
		return nil
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if r.size == 0 {
		b.WriteString(head)
	}
	for _, f := range refused {
		status := "rejected"
		if f.Skipped {
			status = "skipped"
		}
		_ = w.Write([]string{f.At, status, harmless(f.Email), harmless(f.Reason)}) // into memory
	}
	w.Flush()
	if err := r.open(); err != nil {
		return err
	}
	n, err := r.file.WriteAt(b.Bytes(), r.size)
	r.size += int64(n)
	return err
}

// open opens the file as it was when the import was interrupted: what was written to it after the
// last note is written again.
func (r *rejects) open() (err error) {
	if r.file != nil {
		return nil
	}
	if r.file, err = os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if !r.kept {
		r.size = 0
	}
	return r.file.Truncate(r.size)
}

func (r *rejects) close() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.file.Sync(), r.file.Close())
}

// harmless keeps a spreadsheet from taking what somebody else wrote for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
