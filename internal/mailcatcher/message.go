package mailcatcher

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Message is one message as it arrived. What cannot be read of it is left empty; Raw is always
// there.
type Message struct {
	ID         int       `json:"id"`
	From       string    `json:"from"` // of the envelope
	To         []string  `json:"to"`   // of the envelope
	ReceivedAt time.Time `json:"received_at"`

	Subject string      `json:"subject"`
	Sender  string      `json:"sender"` // the From field, decoded
	Text    string      `json:"text"`
	HTML    string      `json:"html"`
	Links   []string    `json:"links"` // of the text, in order, each once
	Header  mail.Header `json:"-"`
	Raw     []byte      `json:"-"`
}

// Link returns the first link of the text, or "".
func (m Message) Link() string {
	if len(m.Links) == 0 {
		return ""
	}
	return m.Links[0]
}

// maxDepth bounds parts within parts.
const maxDepth = 8

var linkPattern = regexp.MustCompile(`https?://[^\s<>"]+`)

func read(raw []byte) Message {
	m := Message{Raw: raw, Links: []string{}}
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		m.Text = valid(string(raw))
		return m
	}
	m.Header = parsed.Header
	m.Subject, m.Sender = decoded(parsed.Header.Get("Subject")), decoded(parsed.Header.Get("From"))
	m.part(parsed.Header.Get("Content-Type"), parsed.Header.Get("Content-Transfer-Encoding"), parsed.Body, 0)
	for _, link := range linkPattern.FindAllString(m.Text, -1) {
		if !slices.Contains(m.Links, link) {
			m.Links = append(m.Links, link)
		}
	}
	return m
}

// part keeps the first text and the first HTML.
func (m *Message) part(contentType, encoding string, body io.Reader, depth int) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		if depth == maxDepth {
			return
		}
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err != nil {
				return
			}
			m.part(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, depth+1)
		}
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body) // skips line breaks
	}
	b, _ := io.ReadAll(body) // what came before an error is shown
	text := valid(strings.ReplaceAll(string(b), "\r\n", "\n"))
	switch {
	case kind == "text/html" && m.HTML == "":
		m.HTML = text
	case kind == "text/plain" && m.Text == "":
		m.Text = text
	}
}

// decoded reads the encoded words of a header field (RFC 2047).
func decoded(field string) string {
	s, err := new(mime.WordDecoder).DecodeHeader(field)
	if err != nil {
		s = field
	}
	return valid(s)
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
