package wire

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
)

// Request builds the bytes of a request before the measurement begins.
type Request struct {
	Method, Target, Host string
	Header               []string // "Name: value"
	Form                 url.Values
}

// Bytes returns the request as it goes over the wire.
func (r Request) Bytes() []byte {
	var b strings.Builder
	b.WriteString(r.Method + " " + r.Target + " HTTP/1.1\r\nHost: " + r.Host + "\r\n")
	for _, h := range r.Header {
		b.WriteString(h + "\r\n")
	}
	var body string
	if r.Form != nil {
		body = r.Form.Encode()
		b.WriteString("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return []byte(b.String())
}

// Basic is the Authorization field of a client with its secret (RFC 6749 §2.3.1).
func Basic(id, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// Bearer is the Authorization field of an access token (RFC 6750 §2.1).
func Bearer(token string) string { return "Authorization: Bearer " + token }

// Place marks, in a form value or anywhere in the head, what a Template fills in.
const Place = "0PLACE0"

// Template is a request with one Place. The value may differ in length from time to time:
// Content-Length is computed again.
type Template struct {
	head          []byte // up to the value of Content-Length; nil when the place is in the head
	before, after []byte
	buf           []byte
}

// NewTemplate returns the template of r.
func NewTemplate(r Request) *Template {
	const length = "Content-Length: "
	whole := string(r.Bytes())
	head, body, _ := strings.Cut(whole, "\r\n\r\n")
	t := &Template{}
	if before, after, ok := strings.Cut(body, Place); ok {
		t.head = []byte(head[:strings.LastIndex(head, length)+len(length)])
		t.before, t.after = []byte(before), []byte(after)
		return t
	}
	before, after, _ := strings.Cut(whole, Place)
	t.before, t.after = []byte(before), []byte(after)
	return t
}

// Fill returns the request with value in its place; value must not need form encoding. The bytes
// are good until the next Fill.
func (t *Template) Fill(value []byte) []byte {
	b := t.buf[:0]
	if t.head != nil {
		b = append(b, t.head...)
		b = strconv.AppendInt(b, int64(len(t.before)+len(value)+len(t.after)), 10)
		b = append(b, headEnd...)
	}
	b = append(b, t.before...)
	b = append(b, value...)
	b = append(b, t.after...)
	t.buf = b
	return b
}
