package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	env "github.com/caarlos0/env/v11"
	"github.com/signet-id/signet/keys"
)

// Purpose says which settings must be present.
type Purpose int

const (
	// Check demands nothing: what is set must be valid.
	Check Purpose = iota
	// Migrate demands the database.
	Migrate
	// Serve demands the issuer, the database and the master key.
	Serve
)

// Source is where settings come from.
type Source struct {
	// File is the path of a YAML file; "" for none.
	File string
	// Environ is the environment as os.Environ returns it. A variable that is set but empty
	// counts as unset.
	Environ []string
}

// Load reads src, applies defaults and checks everything. The environment wins over the
// file, the file over defaults. The error joins every Fault found, not only the first;
// Faults takes it apart.
func Load(src Source, purpose Purpose) (Config, error) {
	var c Config
	sections, settings := schema(&c)
	f := &faults{origins: map[string]string{}}

	fromFile := readFile(src.File, settings, f)
	fromEnv := readEnviron(src.Environ, settings, f)
	values := map[string]string{}
	for _, s := range settings {
		for _, l := range []layer{fromEnv, fromFile} {
			if v, ok := l.lookup(s, f); ok {
				f.origins[s.path] = v.origin
				values[s.path] = v.text
				break
			}
		}
	}
	for i, sec := range sections {
		parseSection(i, sec, settings, values, f)
	}
	validate(c, purpose, f)
	return c, f.err()
}

// raw is a value before it is parsed.
type raw struct{ text, origin string }

// layer is what one source sets, by path; the path of a secret's file form ends in _file.
type layer map[string]raw

// lookup returns what l sets s to, reading the file of a secret if that form was used.
func (l layer) lookup(s setting, f *faults) (raw, bool) {
	direct, isDirect := l[s.path]
	if !s.secret() {
		return direct, isDirect
	}
	file, isFile := l[s.path+fileSuffix]
	switch {
	case isDirect && isFile:
		f.add(s.path, "set it or %s, not both", s.path+fileSuffix)
		return raw{}, true
	case !isFile:
		return direct, isDirect
	}
	b, err := os.ReadFile(file.text)
	if err != nil {
		f.add(s.path, "cannot read the file that %s (%s) names: %v", s.path+fileSuffix, envName(s.path+fileSuffix), err)
		return raw{}, true
	}
	// Editors and `echo` end a file with a newline that is no part of the secret.
	text := strings.TrimRight(string(b), "\r\n")
	if text == "" {
		f.add(s.path, "the file %s is empty: put the secret into it", file.text)
	}
	if s.list() {
		text = joinList(strings.Split(text, "\n"))
	}
	return raw{text: text, origin: "file " + file.text}, true
}

func joinList(parts []string) string {
	kept := parts[:0]
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ",")
}

// parseSection turns texts into typed fields and fills in defaults. Each section is parsed
// by itself because the parser names only the field, which is unique within a section.
func parseSection(index int, sec section, settings []setting, values map[string]string, f *faults) {
	err := env.ParseWithOptions(sec.value.Addr().Interface(), env.Options{
		Environment:         values,
		Prefix:              sec.prefix(),
		TagName:             "key",
		DefaultValueTagName: "default",
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[time.Duration]():    parseDuration,
			reflect.TypeFor[bool]():             parseBool,
			reflect.TypeFor[int]():              parseInt,
			reflect.TypeFor[int64]():            parseInt64,
			reflect.TypeFor[[]netip.Prefix]():   parsePrefixes,
			reflect.TypeFor[[]keys.Algorithm](): parseAlgorithms,
		},
	})
	var all env.AggregateError
	if !errors.As(err, &all) {
		return
	}
	for _, e := range all.Errors {
		var p env.ParseError
		if !errors.As(e, &p) {
			f.add("", "%v", e)
			continue
		}
		for _, s := range settings {
			if s.section != index || s.field != p.Name {
				continue
			}
			if s.typ == reflect.TypeFor[slog.Level]() {
				f.add(s.path, "%q is no level: write debug, info, warn or error", values[s.path])
				continue
			}
			f.add(s.path, "%v", p.Err)
		}
	}
}

func parseDuration(v string) (any, error) {
	d, err := time.ParseDuration(v)
	if err != nil {
		return nil, fmt.Errorf("%q is not a duration: write a number with its unit, such as 90s, 15m or 24h", v)
	}
	return d, nil
}

func parseBool(v string) (any, error) {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return nil, fmt.Errorf("%q is neither true nor false", v)
	}
	return b, nil
}

func parseInt(v string) (any, error) {
	n, err := strconv.Atoi(v)
	if err != nil {
		return nil, fmt.Errorf("%q is not a whole number", v)
	}
	return n, nil
}

func parseInt64(v string) (any, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is not a whole number", v)
	}
	return n, nil
}

func parsePrefixes(v string) (any, error) {
	var out []netip.Prefix
	for part := range strings.SplitSeq(v, ",") {
		p, err := parsePrefix(part)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func parseAlgorithms(v string) (any, error) {
	var out []keys.Algorithm
	for part := range strings.SplitSeq(v, ",") {
		alg, err := keys.ParseAlgorithm(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("%q is no algorithm to sign with: choose among ES256, RS256 and EdDSA", strings.TrimSpace(part))
		}
		out = append(out, alg)
	}
	return out, nil
}

// parsePrefix accepts a CIDR block or a single address.
func parsePrefix(v string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(v); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(v)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a CIDR block such as 10.0.0.0/8", v)
	}
	return p.Masked(), nil
}
