// Package wire is an HTTP/1.1 client with as little in it as a load generator needs: the
// request is bytes that were prepared before, the answer is parsed in place, and nothing is
// allocated. Whoever drives a server from the machine that it runs on competes with it.
//
// It knows one connection at a time, answers with a Content-Length or in chunks, and nothing of
// redirects, cookies or compression.
package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

const (
	// maxAnswer bounds an answer, head and body each.
	maxAnswer = 1 << 20
	// timeout bounds one exchange: a server that hangs ends the run with an error.
	timeout = 30 * time.Second
)

// ErrMalformed says that an answer was not HTTP/1.1 as this client reads it.
var ErrMalformed = errors.New("malformed answer")

// Answer is what a server said. Its bytes are good until the next Do on the connection.
type Answer struct {
	Status int
	Head   []byte // status line and fields, without the empty line
	Body   []byte
	closes bool
}

// Header returns the value of the first field called name, or nil.
func (a Answer) Header(name string) []byte {
	rest := a.Head
	for {
		i := bytes.Index(rest, []byte(crlf))
		if i < 0 {
			return nil
		}
		rest = rest[i+2:]
		line := rest
		if j := bytes.Index(rest, []byte(crlf)); j >= 0 {
			line = rest[:j]
		}
		if value, ok := field(line, name); ok {
			return value
		}
	}
}

// String is the whole answer, for error messages.
func (a Answer) String() string { return string(a.Head) + "\n\n" + string(a.Body) }

// Exchange is a request with its answer, both copies.
type Exchange struct {
	Request []byte
	Answer  Answer
}

// Conn is one keep-alive connection. It is for one goroutine.
type Conn struct {
	addr string
	net  net.Conn
	buf  []byte // what was read; head and body of the current answer at its start
	end  int    // of what was read
	body []byte // of an answer in chunks, put together
	due  time.Time

	// Recorded collects the exchanges while Record is set.
	Record   bool
	Recorded []Exchange
}

// Dial connects to a TCP address.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	c := &Conn{addr: addr, buf: make([]byte, 16<<10)}
	return c, c.dial(ctx)
}

func (c *Conn) dial(ctx context.Context) error {
	var d net.Dialer
	n, err := d.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.net, c.end, c.due = n, 0, time.Time{}
	return nil
}

// Close closes the connection; nothing is pending on it that could fail.
func (c *Conn) Close() { _ = c.net.Close() }

// Do sends a request and returns the answer.
func (c *Conn) Do(request []byte) (Answer, error) {
	// A deadline costs a timer, so it is moved in steps.
	if now := time.Now(); c.due.Sub(now) < timeout {
		c.due = now.Add(2 * timeout)
		if err := c.net.SetDeadline(c.due); err != nil {
			return Answer{}, err
		}
	}
	if _, err := c.net.Write(request); err != nil {
		return Answer{}, fmt.Errorf("send request: %w", err)
	}
	a, err := c.read()
	if err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	if c.Record {
		a := Answer{Status: a.Status, Head: bytes.Clone(a.Head), Body: bytes.Clone(a.Body)}
		c.Recorded = append(c.Recorded, Exchange{Request: bytes.Clone(request), Answer: a})
	}
	if a.closes {
		_ = c.net.Close()
		return a, c.dial(context.Background())
	}
	return a, nil
}

const (
	crlf    = "\r\n"
	headEnd = "\r\n\r\n"
)

// read reads one answer. Requests are never sent ahead, so whatever follows it is a fault.
func (c *Conn) read() (Answer, error) {
	c.end = 0
	head := -1
	for head < 0 {
		if err := c.fill(); err != nil {
			return Answer{}, err
		}
		head = bytes.Index(c.buf[:c.end], []byte(headEnd))
		if head < 0 && c.end > maxAnswer {
			return Answer{}, fmt.Errorf("%w: no end of the head within %d bytes", ErrMalformed, maxAnswer)
		}
	}
	length, chunked, a, err := parseHead(c.buf[:head])
	if err != nil {
		return Answer{}, err
	}
	start := head + len(headEnd)
	if chunked {
		a.Body, err = c.chunks(start)
		a.Head = c.buf[:head]
		return a, err
	}
	if length > maxAnswer {
		return Answer{}, fmt.Errorf("%w: a body of %d bytes", ErrMalformed, length)
	}
	for c.end < start+length {
		if err := c.fill(); err != nil {
			return Answer{}, err
		}
	}
	if c.end > start+length {
		return Answer{}, fmt.Errorf("%w: %d bytes after the body", ErrMalformed, c.end-start-length)
	}
	a.Head, a.Body = c.buf[:head], c.buf[start:start+length]
	return a, nil
}

// fill reads once more, growing the buffer when it is full.
func (c *Conn) fill() error {
	if c.end == len(c.buf) {
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	n, err := c.net.Read(c.buf[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// parseHead reads the status line and the fields that say how long the body is.
func parseHead(head []byte) (length int, chunked bool, a Answer, err error) {
	line, rest, _ := bytes.Cut(head, []byte(crlf))
	if len(line) < 12 || string(line[:9]) != "HTTP/1.1 " {
		return 0, false, a, fmt.Errorf("%w: status line %q", ErrMalformed, line)
	}
	if a.Status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, false, a, fmt.Errorf("%w: status line %q", ErrMalformed, line)
	}
	known := a.Status == 204 || a.Status == 304 // never with a body (RFC 9112 §6.3)
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte(crlf))
		if v, ok := field(line, "Content-Length"); ok && a.Status != 304 {
			if length, err = strconv.Atoi(string(v)); err != nil || length < 0 {
				return 0, false, a, fmt.Errorf("%w: Content-Length %q", ErrMalformed, v)
			}
			known = true
		}
		if v, ok := field(line, "Transfer-Encoding"); ok {
			if string(v) != "chunked" {
				return 0, false, a, fmt.Errorf("%w: Transfer-Encoding %q", ErrMalformed, v)
			}
			known, chunked = true, true
		}
		if v, ok := field(line, "Connection"); ok && string(v) == "close" {
			a.closes = true
		}
	}
	if !known {
		return 0, false, a, fmt.Errorf("%w: neither Content-Length nor chunks", ErrMalformed)
	}
	return length, chunked, a, nil
}

// field returns the value of a line that is the field called name; servers in Go write the
// canonical spelling, and others are folded.
func field(line []byte, name string) ([]byte, bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.TrimSpace(line[len(name)+1:]), true
}
