package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/keys"
)

// Prefix begins the name of every environment variable that sets something here.
const Prefix = "SIGNET_"

const fileSuffix = "_file"

var (
	textType  = reflect.TypeFor[secret.Text]()
	textsType = reflect.TypeFor[[]secret.Text]()
)

// setting is one leaf of Config.
type setting struct {
	path    string // database.max_conns
	field   string // MaxConns
	section int    // index into sections
	def     string
	alias   string // a conventional variable read when ours is unset
	example string
	doc     string
	typ     reflect.Type
	value   reflect.Value
}

// section is a struct of settings: the root or one of its fields.
type section struct {
	path  string // database, or "" for the root
	doc   string
	value reflect.Value // addressable
}

func (s section) prefix() string {
	if s.path == "" {
		return ""
	}
	return s.path + "."
}

func (s setting) env() string  { return envName(s.path) }
func (s setting) secret() bool { return s.typ == textType || s.typ == textsType }
func (s setting) list() bool   { return s.typ.Kind() == reflect.Slice }

func envName(path string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// schema walks c and returns its sections and settings in the order of declaration.
func schema(c *Config) (sections []section, settings []setting) {
	root := reflect.ValueOf(c).Elem()
	sections = append(sections, section{value: root})
	for i := range root.NumField() {
		f := root.Type().Field(i)
		if path := f.Tag.Get("section"); path != "" {
			sections = append(sections, section{path: path, doc: f.Tag.Get("doc"), value: root.Field(i)})
		}
	}
	for i, sec := range sections {
		for j := range sec.value.NumField() {
			f := sec.value.Type().Field(j)
			if f.Tag.Get("section") != "" {
				continue
			}
			settings = append(settings, setting{
				path: sec.prefix() + f.Tag.Get("key"), field: f.Name, section: i,
				def: f.Tag.Get("default"), alias: f.Tag.Get("alias"),
				example: f.Tag.Get("example"), doc: f.Tag.Get("doc"),
				typ: f.Type, value: sec.value.Field(j),
			})
		}
	}
	return sections, settings
}

// show returns the effective value for people, secrets redacted.
func (s setting) show() string {
	switch {
	case s.typ == textType:
		if s.value.Interface().(secret.Text).Empty() {
			return ""
		}
		return secret.Text{}.String()
	case s.typ == textsType:
		return strings.TrimSuffix(strings.Repeat(secret.Text{}.String()+",", s.value.Len()), ",")
	}
	return format(s.value.Interface())
}

// format renders a value the way it would be written in the file.
func format(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return shortDuration(v)
	case slog.Level:
		return strings.ToLower(v.String())
	case []string:
		return strings.Join(v, ",")
	case []keys.Algorithm:
		parts := make([]string, len(v))
		for i, alg := range v {
			parts[i] = string(alg)
		}
		return strings.Join(parts, ",")
	case []netip.Prefix:
		parts := make([]string, len(v))
		for i, p := range v {
			parts[i] = p.String()
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v)
}

// shortDuration drops the zero minutes and seconds that Duration.String insists on.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
