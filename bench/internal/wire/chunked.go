package wire

import (
	"bytes"
	"fmt"
	"strconv"
)

// chunks reads a body in chunks (RFC 9112 §7.1) that begins at start, trailers excluded: our
// servers send none.
func (c *Conn) chunks(start int) ([]byte, error) {
	c.body = c.body[:0]
	at := start
	for {
		line, err := c.line(&at)
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil || len(c.body)+int(size) > maxAnswer {
			return nil, fmt.Errorf("%w: chunk size %q", ErrMalformed, line)
		}
		for c.end < at+int(size)+len(crlf) {
			if err := c.fill(); err != nil {
				return nil, err
			}
		}
		c.body = append(c.body, c.buf[at:at+int(size)]...)
		at += int(size)
		if !bytes.HasPrefix(c.buf[at:c.end], []byte(crlf)) {
			return nil, fmt.Errorf("%w: a chunk does not end where it should", ErrMalformed)
		}
		at += len(crlf)
		if size == 0 {
			if at != c.end {
				return nil, fmt.Errorf("%w: %d bytes after the last chunk", ErrMalformed, c.end-at)
			}
			return c.body, nil
		}
	}
}

// line returns the line that begins at *at and moves *at behind it.
func (c *Conn) line(at *int) ([]byte, error) {
	for {
		if i := bytes.Index(c.buf[*at:c.end], []byte(crlf)); i >= 0 {
			line := c.buf[*at : *at+i]
			*at += i + len(crlf)
			return line, nil
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}
