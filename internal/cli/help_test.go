package cli

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// An example that does not work teaches the opposite.
func TestTheExamplesOfHelpAreCommandLinesThatMakeSense(t *testing.T) {
	t.Parallel()
	tree := func() *cobra.Command {
		c := &CLI{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard}
		root := &cobra.Command{Use: "signet"}
		root.AddCommand(c.Commands()...)
		return root
	}
	root, seen := tree(), 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		verb := cmd.Name()
		if cmd.Example == "" && (cmd.HasSubCommands() && cmd.Parent() == root || slices.Contains([]string{"create", "update", "add", "set"}, verb)) {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			words := shellWords(line)
			if len(words) == 0 || words[0] != "signet" {
				continue
			}
			seen++
			at, rest, err := tree().Find(words[1:])
			if err == nil {
				err = at.ParseFlags(rest)
			}
			if err == nil && at.HasSubCommands() {
				t.Errorf("%s: %s is no command that does something", cmd.CommandPath(), strings.TrimSpace(line))
			}
			if err == nil && at.Args != nil {
				err = at.Args(at, at.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %s: %v", cmd.CommandPath(), strings.TrimSpace(line), err)
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	for _, cmd := range root.Commands() {
		walk(cmd)
	}
	if seen < 40 {
		t.Errorf("only %d examples were found", seen)
	}
}

// shellWords splits the first command of a line as a shell does, as far as examples go. What stands
// behind four spaces is an explanation.
func shellWords(line string) (words []string) {
	line = strings.TrimSpace(line)
	if command, _, ok := strings.Cut(line, "    "); ok {
		line = command
	}
	var word strings.Builder
	var quote rune
	open := false
	for _, r := range line + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, open = r, true
		case r == ' ':
			if word.Len() > 0 || open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
		}
	}
	for i, w := range words {
		if w == "|" || w == "<" || w == ">" {
			return words[:i]
		}
	}
	return words
}
