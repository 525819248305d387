package mail

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

//go:embed templates/letter.html
var templateFiles embed.FS

// Letter is a message in words.
type Letter struct {
	Subject string // one line
	Text    string // plain, lines of 76 columns at most but for links
	HTML    string // a document that loads nothing
}

// Stationery writes letters. It is safe for concurrent use.
type Stationery struct {
	product, host string
	languages     []*language // the first is the fallback
	page          *template.Template
}

// NewStationery returns the letters of a product at an issuer. A broken template fails here.
func NewStationery(product, issuer string) (*Stationery, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("mail: the issuer %q is not an absolute URL", issuer)
	}
	page, err := template.ParseFS(templateFiles, "templates/letter.html")
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return &Stationery{product: product, host: u.Host, languages: []*language{english()}, page: page}, nil
}

// sheet is what the template sees: sentences, already filled in and escaped.
type sheet struct {
	Lang, Dir, Subject, Product  string
	Preview                      string
	Heading, Greeting            template.HTML
	Lead                         []template.HTML
	Link, Action, CopyLink       string
	Expires, Note, Automatic     template.HTML
	LinkURL                      template.URL
	HasLink, HasExpires, HasNote bool
}

// Write puts m into words. The error is that of Check.
func (s *Stationery) Write(m Message) (Letter, error) {
	if err := m.Check(); err != nil {
		return Letter{}, err
	}
	l := s.language(m.Locale)
	w := l.kinds[m.Kind]
	if m.Kind == Invitation && defuse(m.Inviter) == "" {
		w.subject, w.lead = l.invitedByNobodySub, l.invitedByNobody
	}
	at := m.At
	if w.expires != "" {
		at = m.LinkExpires
	}
	values := []string{
		"organization", defuse(m.Organization), "inviter", defuse(m.Inviter), "connector", defuse(m.Connector), "product", s.product, "host", s.host,
		"name", defuse(m.Name), "time", clock(at, l),
	}
	greeting := l.hello
	if defuse(m.Name) != "" {
		greeting = l.helloName
	}
	subject := oneLine(plainly(w.subject, values))

	var text strings.Builder
	paragraph := func(sentence string) {
		if sentence != "" {
			text.WriteString(wrap(plainly(sentence, values)) + "\n\n")
		}
	}
	page := sheet{
		Lang: l.tag, Dir: l.dir, Subject: subject, Product: s.product, Preview: plainly(w.lead[0], values),
		Heading: richly(w.heading, values), Greeting: richly(greeting, values),
	}
	paragraph(greeting)
	for _, sentence := range w.lead {
		paragraph(sentence)
		page.Lead = append(page.Lead, richly(sentence, values))
	}
	if link := m.Link.Reveal(); link != "" && w.action != "" {
		text.WriteString(w.action + ":\n" + link + "\n\n")
		page.HasLink, page.Link, page.LinkURL = true, link, template.URL(link) //nolint:gosec // http or https, Check saw to it
		page.Action, page.CopyLink = w.action, l.copyLink
		if w.expires != "" {
			paragraph(w.expires)
			page.HasExpires, page.Expires = true, richly(w.expires, values)
		}
	}
	paragraph(w.note)
	page.HasNote, page.Note = w.note != "", richly(w.note, values)
	text.WriteString("-- \n" + wrap(plainly(l.automatic, values)) + "\n")
	page.Automatic = richly(l.automatic, values)

	var html bytes.Buffer
	if err := s.page.Execute(&html, page); err != nil {
		return Letter{}, err
	}
	return Letter{Subject: subject, Text: text.String(), HTML: html.String()}, nil
}

// language returns the nearest to a BCP 47 tag, by its first part.
func (s *Stationery) language(tag string) *language {
	primary, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(tag, "_", "-")), "-")
	for _, l := range s.languages {
		if l.tag == primary {
			return l
		}
	}
	return s.languages[0]
}

func clock(t time.Time, l *language) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(l.timeFormat)
}

// plainly fills in a sentence of plain text.
func plainly(sentence string, values []string) string {
	return fillIn(sentence, values, func(v string) string { return v })
}

// richly fills in a sentence of HTML. Each value is escaped and isolated, so that a name in
// another script, or a hostile one, cannot reorder the sentence around it.
func richly(sentence string, values []string) template.HTML {
	return template.HTML(fillIn(template.HTMLEscapeString(sentence), values, func(v string) string { //nolint:gosec // escaped here
		return "<bdi>" + template.HTMLEscapeString(v) + "</bdi>"
	}))
}

func fillIn(sentence string, values []string, as func(string) string) string {
	pairs := make([]string, 0, len(values))
	for i := 0; i < len(values); i += 2 {
		pairs = append(pairs, "{"+values[i]+"}", as(values[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(sentence)
}

// maxName is how many characters of a name are written.
const maxName = 80

// defuse makes a name that somebody chose for themselves safe to read: on one line, of bounded
// length, without what reorders text, and without what mail programs turn into a link, since our
// letters would else carry an invitation to anywhere. An invisible word joiner (U+2060) after a
// dot, colon, slash or at sign does that and changes nothing for the eye.
func defuse(name string) string {
	var b strings.Builder
	var before rune
	n := 0
	for _, r := range strings.Join(strings.Fields(name), " ") {
		if unicode.IsControl(r) || isReordering(r) || r == utf8.RuneError {
			continue
		}
		if n == maxName {
			b.WriteRune('…')
			break
		}
		if strings.ContainsRune(".:/@", before) && !unicode.IsSpace(r) {
			b.WriteRune('\u2060')
		}
		b.WriteRune(r)
		before = r
		n++
	}
	return b.String()
}

// isReordering reports whether r is an invisible control of the direction of text.
func isReordering(r rune) bool {
	return r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// oneLine keeps a subject one line of bounded length, whatever was filled in.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 150 {
		s = string(r[:149]) + "…"
	}
	return s
}

// wrap breaks a paragraph into lines of 76 columns at most.
func wrap(s string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > 76:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
