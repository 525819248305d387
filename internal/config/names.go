package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

type kind int

const (
	kindUnknown kind = iota
	kindSection
	kindScalar
	kindList
)

// names returns every path a file may use and what stands under it.
func names(settings []setting) map[string]kind {
	out := map[string]kind{}
	for _, s := range settings {
		if sec, _, nested := strings.Cut(s.path, "."); nested {
			out[sec] = kindSection
		}
		out[s.path] = kindScalar
		if s.list() {
			out[s.path] = kindList
		}
		if s.secret() {
			out[s.path+fileSuffix] = kindScalar
		}
	}
	return out
}

// FileVariable names the configuration file itself; the command line reads it.
const FileVariable = Prefix + "CONFIG"

// testPrefix begins the variables of the test suite (SIGNET_TEST_DATABASE_URL), devPrefix those
// of `signet dev` (SIGNET_DEV_DATA): neither sets anything here.
const (
	testPrefix = Prefix + "TEST_"
	devPrefix  = Prefix + "DEV_"
)

// ofCommands are the variables of the administrator's command line (internal/cli), which set
// nothing here either.
var ofCommands = map[string]bool{
	Prefix + "URL": true, Prefix + "ORGANIZATION": true, Prefix + "TOKEN": true, Prefix + "CREDENTIALS": true,
	Prefix + "CLIENT_ID": true, Prefix + "CLIENT_SECRET": true, Prefix + "CLIENT_SECRET_FILE": true,
}

// injected matches variables that Kubernetes adds for a Service called signet or signet-…,
// such as SIGNET_PORT_8080_TCP_ADDR: they are not ours to refuse.
var injected = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// readEnviron flattens the environment into a layer and refuses variables that begin with
// SIGNET_ and set nothing: a mistyped SIGNET_SERVER_TRUSTED_PROXIES must not pass in silence.
func readEnviron(environ []string, settings []setting, f *faults) layer {
	known := map[string]string{}
	for path, k := range names(settings) {
		if k != kindSection {
			known[envName(path)] = path
		}
	}
	vars := map[string]string{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && strings.TrimSpace(value) != "" {
			vars[name] = strings.TrimSpace(value)
		}
	}
	out := layer{}
	for _, s := range settings {
		if s.alias == "" {
			continue
		}
		_, direct := vars[s.env()]
		_, file := vars[s.env()+"_FILE"]
		if direct || file {
			continue // our own name wins over the convention's
		}
		if v, ok := vars[s.alias]; ok {
			out[s.path] = raw{v, "environment variable " + s.alias}
		}
		if v, ok := vars[s.alias+"_FILE"]; ok && s.secret() {
			out[s.path+fileSuffix] = raw{v, "environment variable " + s.alias + "_FILE"}
		}
	}
	listed := map[string]bool{}
	for _, s := range settings {
		listed[s.path] = s.list()
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if !strings.HasPrefix(name, Prefix) || name == FileVariable || strings.HasPrefix(name, testPrefix) || strings.HasPrefix(name, devPrefix) || ofCommands[name] {
			continue
		}
		path, ok := known[name]
		if !ok {
			if !injected.MatchString(name) {
				f.add("", "unknown environment variable %s%s", name, suggest(name, known))
			}
			continue
		}
		text := vars[name]
		if listed[path] {
			text = joinList(strings.Split(text, ","))
		}
		out[path] = raw{text, "environment variable " + name}
	}
	return out
}

// suggest names the known name nearest to a mistyped one, as the end of a sentence.
func suggest[V any](name string, known map[string]V) string {
	best, distance := "", 4 // more edits than that is another word
	for _, k := range slices.Sorted(maps.Keys(known)) {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k), distance); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ": remove it (docs/configuration.md lists every setting)"
	}
	return ": did you mean " + best + "?"
}

// editDistance is the Levenshtein distance of a and b, or limit when it is that or more.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
