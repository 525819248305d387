package cli

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/errdefs"
)

const attributeHelp = "`name=value` for declared claims, the value as JSON or plain text; repeatable"

// parseAttributes changes attributes as flags say: name=value sets one, name= takes it away.
func parseAttributes(now map[string]any, flags []string) (map[string]any, error) {
	out := map[string]any{}
	maps.Copy(out, now)
	for _, f := range flags {
		name, value, ok := strings.Cut(f, "=")
		if !ok || name == "" {
			return nil, errdefs.Say(errdefs.ErrInvalid, nil, "--attribute %s: write name=value", f)
		}
		if value == "" {
			delete(out, name)
			continue
		}
		dec := json.NewDecoder(strings.NewReader(value))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) != nil || dec.More() {
			v = value // plain text
		}
		out[name] = v
	}
	return out, nil
}

// object writes attributes, a line each.
func object(values map[string]any) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text, plain := values[name].(string)
		if b, err := json.Marshal(values[name]); !plain && err == nil {
			text = string(b)
		}
		out = append(out, name+"="+text)
	}
	return lines(out)
}

// given returns the value of a flag that was given, nil for one that was not.
func given[T any](cmd *cobra.Command, flag string, value T) *T {
	if !cmd.Flags().Changed(flag) {
		return nil
	}
	return &value
}

// edited changes a list as two flags say, and keeps its order.
func edited(list, add, remove []string) []string {
	out := slices.DeleteFunc(slices.Clone(list), func(v string) bool { return slices.Contains(remove, v) })
	for _, v := range add {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	if out == nil {
		out = []string{} // sent, and not left out
	}
	return out
}

// lost reports whether an answer was lost on its way: the request may or may not have been heard.
func lost(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}
