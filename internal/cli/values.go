package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/pkg/adminclient"
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

// split reads a list of names separated by commas; nil for none.
func split(s string) []string {
	var out []string
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// readFile reads a file, or standard input under the name "-", up to a limit in bytes.
func readFile(stdin io.Reader, name string, limit int64) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return b, err
}

// permissionsOf reads permissions from flags: "audience slug", or "audience=slug,slug" for many.
func permissionsOf(flags []string) ([]adminclient.RolePermission, error) {
	var out []adminclient.RolePermission
	for _, f := range flags {
		i := strings.LastIndexAny(f, " =")
		if i <= 0 || i == len(f)-1 {
			return nil, errdefs.Say(errdefs.ErrInvalid, nil, "%s: write a permission as audience=slug, as in https://orders.example=orders:read", f)
		}
		for _, slug := range split(f[i+1:]) {
			out = append(out, adminclient.RolePermission{Audience: f[:i], Slug: slug})
		}
	}
	return out, nil
}

// permissionLines writes permissions, a line for each audience.
func permissionLines(list []adminclient.RolePermission) string {
	var out []string
	last := ""
	for _, p := range list {
		if len(out) > 0 && p.Audience == last {
			out[len(out)-1] += "," + p.Slug
			continue
		}
		out, last = append(out, p.Audience+"="+p.Slug), p.Audience
	}
	return lines(out)
}

// copyJSON fills in to with the fields that it shares with from.
func copyJSON(to, from any) {
	if b, err := json.Marshal(from); err == nil {
		_ = json.Unmarshal(b, to) // of a type that the same API describes
	}
}
