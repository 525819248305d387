package cli

import (
	"github.com/spf13/cobra"
)

// listFlag is a list that is given as a whole, or changed by adding and removing.
type listFlag struct {
	name             string
	all, add, remove []string
}

// creates adds the flag of a creation.
func (l *listFlag) creates(cmd *cobra.Command, name, about string) {
	l.name = name
	cmd.Flags().StringArrayVar(&l.all, name, nil, about+"; repeatable")
}

// edits adds the flags of an edit.
func (l *listFlag) edits(cmd *cobra.Command, name, about string) {
	l.name = name
	f := cmd.Flags()
	f.StringArrayVar(&l.all, name, nil, about+", in place of all; repeatable")
	f.StringArrayVar(&l.add, "add-"+name, nil, "the same, beside the others")
	f.StringArrayVar(&l.remove, "remove-"+name, nil, "the same, to be taken away")
}

// edited returns the list after the edit; nil when no flag is about it.
func (l *listFlag) edited(cmd *cobra.Command, now []string) ([]string, error) {
	switch {
	case len(l.all) > 0 && len(l.add)+len(l.remove) > 0:
		return nil, misuse(cmd, errEitherAll(l.name))
	case len(l.all) > 0:
		return l.all, nil
	case len(l.add)+len(l.remove) > 0:
		return edited(now, l.add, l.remove), nil
	}
	return nil, nil
}
