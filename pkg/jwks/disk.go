package jwks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const (
	// copyVersion is that of the format below. Others are ignored.
	copyVersion = 1
	// maxCopySize leaves room for the JSON around the document and for its escapes.
	maxCopySize = 4 * MaxDocumentSize
	// maxAhead is how far in the future a copy may have been made, by a clock that is corrected
	// all the time. Further ahead, nobody knows how old it is.
	maxAhead = time.Minute
)

// diskCopy is the content of a CacheFile. The lifetimes are those of the headers, so that their
// bounds are applied again by whoever reads it.
type diskCopy struct {
	Version      int       `json:"version"`
	URL          string    `json:"url"`
	Asked        time.Time `json:"asked"`
	Age          int64     `json:"age"`
	MaxAge       int64     `json:"max_age"`
	StaleIfError int64     `json:"stale_if_error"`
	Document     []byte    `json:"document"`
	// No entity tag: the issuer is asked for the document and not whether it has changed, so
	// that whoever altered the file and kept the tag is not confirmed by the issuer.
}

// restore returns the document of the CacheFile, nil if there is none that may be used.
func (s *Set) restore() *document {
	d, err := s.readCopy()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // the first start
	case err != nil:
		s.log.Warn("jwks: the copy of the keys is ignored", "file", s.cfg.CacheFile, "why", err)
		return nil
	}
	s.log.Info("jwks: keys loaded from the copy on disk", "file", s.cfg.CacheFile, "of", d.asked, "kids", d.kids)
	return d
}

func (s *Set) readCopy() (*document, error) {
	data, err := readPrivate(s.cfg.CacheFile)
	if err != nil {
		return nil, err
	}
	var c diskCopy
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	switch {
	case c.Version != copyVersion:
		return nil, fmt.Errorf("its format is version %d, not %d", c.Version, copyVersion)
	case c.URL != s.cfg.URL:
		return nil, fmt.Errorf("it is of %.200q", c.URL)
	}
	d, _, err := parse(c.Document)
	if err != nil {
		return nil, err
	}
	now := s.now()
	old := now.Sub(c.Asked)
	if old < -maxAhead {
		return nil, fmt.Errorf("it is of %s, which is in the future", c.Asked.UTC().Format(time.RFC3339))
	}
	age := seconds(c.Age)
	d.lifetime = lifetime{maxAge: seconds(c.MaxAge), stale: seconds(c.StaleIfError), stated: true}
	// Counted back from now, so that the monotonic clock goes on from here.
	d.asked, d.age = now.Add(-max(old, 0)), age
	d.fresh, d.usable = d.lifetime.fresh(age, s.least), d.lifetime.usable(age, s.least)
	d.fromDisk = true
	if !d.good(now) {
		return nil, fmt.Errorf("it is of %s and too old to be used", c.Asked.UTC().Format(time.RFC3339))
	}
	return d, nil
}

// seconds returns n seconds, within what headers can say.
func seconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), 1<<31)) * time.Second
}

// readPrivate reads a file that only its owner can write.
func readPrivate(path string) ([]byte, error) {
	// Looked at before it is opened, since opening a pipe waits for its writer.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// Windows has other means, which mode bits do not show.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("others can write to it (mode %04o): set 0600", info.Mode().Perm())
	}
	if err := checkOwner(info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxCopySize+1))
	if err == nil && len(data) > maxCopySize {
		err = fmt.Errorf("it has more than %d bytes", maxCopySize)
	}
	return data, err
}

// save hands d to saveAll: a disk that hangs must not keep the keys from being renewed.
func (s *Set) save(d *document) {
	if s.cfg.CacheFile == "" {
		return
	}
	select {
	case <-s.saves: // one that was not begun is out of date
	default:
	}
	s.saves <- d // never blocks: nobody else sends
}

// saveAll writes each document to the CacheFile until the set's context ends.
func (s *Set) saveAll() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case d := <-s.saves:
			if err := s.writeCopy(d); err != nil {
				s.log.Warn("jwks: the keys cannot be copied to disk, so the service could not start without the issuer",
					"file", s.cfg.CacheFile, "why", err)
			}
		}
	}
}

func (s *Set) writeCopy(d *document) error {
	data, err := json.Marshal(diskCopy{
		Version:      copyVersion,
		URL:          s.cfg.URL,
		Asked:        d.asked.UTC(),
		Age:          int64(d.age / time.Second),
		MaxAge:       int64(d.maxAge / time.Second),
		StaleIfError: int64(d.stale / time.Second),
		Document:     d.body,
	})
	if err != nil {
		return err
	}
	return replaceFile(s.cfg.CacheFile, data)
}

// replaceFile writes a file that only its owner can read, so that readers find the old content or the
// new one, whenever the machine stops.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
