package ui

import (
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode"
)

// funcs are the helpers that templates may call.
func (r *Renderer) funcs() template.FuncMap {
	return template.FuncMap{
		"phrase":   phrase,
		"initial":  initial,
		"asset":    r.assets.path,
		"safeURL":  safeURL,
		"httpsURL": httpsURL,
		"isPath":   isPath,
		"waitFor":  func(d time.Duration) string { return strings.ReplaceAll(r.text.Errors.TryIn, "{wait}", r.text.wait(d)) },
		"notice":   r.text.notice,
		"trouble":  r.text.signInProblem,
		"rule":     r.text.passwordProblem,
		"scope":    r.text.scope,
		"fill":     fill,
		"day":      func(t time.Time) string { return t.UTC().Format(r.text.Time.Date) },
		"flaw":     r.text.profileProblem,
	}
}

// phrase fills {name} in a sentence of the catalog with the values given in name, value
// pairs. Each value is escaped and isolated in a <bdi>, so that a name in another script, or a
// hostile one, cannot reorder the sentence around it.
func phrase(sentence string, pairs ...string) (template.HTML, error) {
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("phrase %q: a name without its value", sentence)
	}
	var replacements []string
	for i := 0; i < len(pairs); i += 2 {
		replacements = append(replacements, "{"+pairs[i]+"}",
			`<bdi class="name">`+template.HTMLEscapeString(pairs[i+1])+`</bdi>`)
	}
	return template.HTML(strings.NewReplacer(replacements...).Replace(template.HTMLEscapeString(sentence))), nil
}

// initial is the letter shown in place of a picture.
func initial(name string) string {
	for _, c := range name {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return string(unicode.ToUpper(c))
		}
	}
	return "•"
}

// wait says how long to wait, rounded up so that it is never too short.
func (t *Text) wait(d time.Duration) string {
	count := func(n int, one, many string) string {
		if n == 1 {
			return one
		}
		return strings.ReplaceAll(many, "{n}", fmt.Sprint(n))
	}
	seconds := max(1, wholeSeconds(d))
	switch {
	case seconds < 60:
		return count(seconds, t.Time.OneSecond, t.Time.Seconds)
	case seconds <= 60*60:
		return count((seconds+59)/60, t.Time.OneMinute, t.Time.Minutes)
	default:
		return count((seconds+3599)/3600, t.Time.OneHour, t.Time.Hours)
	}
}

// fill puts a number into a sentence of the catalog.
func fill(sentence string, n int) string {
	return strings.ReplaceAll(sentence, "{n}", fmt.Sprint(n))
}
