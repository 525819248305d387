package claims

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

const (
	// maxNodes bounds the syntax tree of an expression, and with it every doubling that nested
	// calls can bring about.
	maxNodes = 100
	// maxElements bounds the elements of all lists that an evaluation makes.
	maxElements = 5000
	// maxText bounds every text that an evaluation makes, in bytes.
	maxText = 2 * MaxValue
	// maxPattern bounds the compiled form of a regular expression, in instructions: each character
	// may take a step for each of them, and repetition makes many out of little.
	maxPattern = 250
)

// functions are the library's own that expressions may call: pure, in an order that is the same
// each time, and either of a result no larger than what they are given or counted by the
// library against maxElements. now, keys, toJSON, reduce and the like are not among them.
const functions = `all none any one filter map find findIndex count sum sortBy len abs ceil floor round int float
	trim trimPrefix trimSuffix upper lower split indexOf hasPrefix hasSuffix max min first last get take
	reverse concat flatten sort`

// ours are functions that compile defines.
const ours = `add join replace string uniq`

// compile reads one expression. The error says what is wrong in words, without repeating it.
func compile(source string) (*vm.Program, error) {
	if len(source) > MaxExpression {
		return nil, fmt.Errorf("an expression is longer than %d bytes", MaxExpression)
	}
	limits := &restrictions{}
	options := []expr.Option{
		expr.Env(environment()), expr.DisableAllBuiltins(), expr.MaxNodes(maxNodes), expr.Patch(limits),
		// Ours, because the library's could multiply text without a bound, or compare each with each.
		expr.Function("add", add, new(func(any, any) any)),
		expr.Operator("+", "add"),
		expr.Function("join", join, new(func([]string, string) string), new(func([]any, string) string), new(func(any, string) string)),
		expr.Function("replace", replace, new(func(string, string, string) string)),
		expr.Function("uniq", uniq, new(func([]string) []any), new(func([]any) []any), new(func(any) []any)),
		expr.Function("string", func(p ...any) (any, error) { return asText(p[0]) }, new(func(any) string)),
	}
	for _, f := range strings.Fields(functions) {
		options = append(options, expr.EnableBuiltin(f))
	}
	p, err := expr.Compile(source, options...)
	if err == nil {
		err = limits.fault
	}
	if err != nil {
		var at *file.Error
		if errors.As(err, &at) {
			return nil, fmt.Errorf("an expression does not compile: %s (character %d of it)", at.Message, at.Column+1)
		}
		return nil, fmt.Errorf("an expression does not compile: %w", err)
	}
	return p, nil
}

// run evaluates a compiled expression.
func run(p *vm.Program, names map[string]any) (any, error) {
	machine := vm.VM{MemoryBudget: maxElements}
	v, err := machine.Run(p, names)
	var at *file.Error
	if errors.As(err, &at) {
		return nil, errors.New(at.Message) // without the source
	}
	return v, err
}

// restrictions refuses what the library can do and a claim has no use for.
type restrictions struct{ fault error }

// Visit looks at one node; children come first.
func (r *restrictions) Visit(node *ast.Node) {
	refuse := func(format string, args ...any) {
		if r.fault == nil {
			r.fault = fmt.Errorf(format, args...)
		}
	}
	switch n := (*node).(type) {
	case *ast.BuiltinNode: // the library does not let all of them be disabled
		if !slices.Contains(strings.Fields(functions), n.Name) {
			refuse("%s is not available", n.Name)
		}
	case *ast.VariableDeclaratorNode:
		refuse("variables cannot be declared")
	case *ast.SequenceNode:
		refuse("use one expression")
	case *ast.IdentifierNode:
		// The library does not look at what is given to functions of ours. $env would be everything
		// at once: nobody could say what a claim is made of.
		if _, fact := environment()[n.Value]; !fact && !slices.Contains(strings.Fields(ours), n.Value) {
			refuse("%s is not available", n.Value)
		}
	case *ast.MemberNode:
		base, named := n.Node.(*ast.IdentifierNode)
		field, written := n.Property.(*ast.StringNode)
		if !named || !written {
			break
		}
		if fields, ok := environment()[base.Value].(types.Map); ok && fields[field.Value] == nil {
			refuse("%s has no %s", base.Value, field.Value)
		}
	case *ast.BytesNode:
		refuse("bytes are no JSON")
	case *ast.BinaryNode:
		if n.Operator == ".." {
			refuse("ranges are not available")
		}
		if n.Operator == "matches" {
			pattern, constant := n.Right.(*ast.StringNode)
			if !constant {
				refuse("the pattern of matches must be written out")
			} else if tooCostly(pattern.Value) {
				refuse("the pattern of matches takes too many steps; repeat less")
			}
		}
	case *ast.PredicateNode:
		// Steps then grow with the square of what there is, never faster.
		if holds(n.Node, isPredicate) {
			refuse("a condition on each element cannot hold another; use in, or declare two claims")
		}
		if holds(n.Node, isUniq) {
			refuse("a condition on each element cannot hold uniq")
		}
		if holds(n.Node, matchesSomethingElse) {
			refuse("a condition on each element can match the element alone")
		}
	}
}

// tooCostly reports whether a regular expression takes more than maxPattern instructions. One
// that does not compile is the library's to refuse.
func tooCostly(pattern string) bool {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return false
	}
	program, err := syntax.Compile(parsed.Simplify())
	return err == nil && len(program.Inst) > maxPattern
}

// holds reports whether something below root, or root itself, is wanted.
func holds(root ast.Node, wanted func(ast.Node) bool) bool {
	s := &search{wanted: wanted}
	ast.Walk(&root, s)
	return s.found
}

type search struct {
	wanted func(ast.Node) bool
	found  bool
}

// Visit looks at one node.
func (s *search) Visit(node *ast.Node) { s.found = s.found || s.wanted(*node) }

func isPredicate(n ast.Node) bool { _, ok := n.(*ast.PredicateNode); return ok }
func isElement(n ast.Node) bool   { _, ok := n.(*ast.PointerNode); return ok }

func isUniq(n ast.Node) bool {
	name, ok := n.(*ast.IdentifierNode)
	return ok && name.Value == "uniq"
}

func matchesSomethingElse(n ast.Node) bool {
	b, ok := n.(*ast.BinaryNode)
	return ok && b.Operator == "matches" && !holds(b.Left, isElement)
}

var errTooLong = fmt.Errorf("a text is longer than %d bytes", maxText)

// bounded returns s unless it is too long.
func bounded(s string) (any, error) {
	if len(s) > maxText {
		return nil, errTooLong
	}
	return s, nil
}

// add is the operator +: of two texts or two numbers.
func add(p ...any) (any, error) {
	switch a := p[0].(type) {
	case string:
		if b, ok := p[1].(string); ok {
			return bounded(a + b)
		}
	case int:
		switch b := p[1].(type) {
		case int:
			return a + b, nil
		case float64:
			return float64(a) + b, nil
		}
	case float64:
		switch b := p[1].(type) {
		case int:
			return a + float64(b), nil
		case float64:
			return a + b, nil
		}
	}
	return nil, errors.New("+ takes two texts or two numbers")
}

// join puts a separator between texts, numbers and truth values.
func join(p ...any) (any, error) {
	separator, ok := p[1].(string)
	if !ok {
		return nil, errors.New("join takes a list and a separator")
	}
	var b strings.Builder
	each := func(i int, v any) error {
		s, err := asText(v)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(s.(string))
		if b.Len() > maxText {
			return errTooLong
		}
		return nil
	}
	switch l := p[0].(type) {
	case []string:
		for i, v := range l {
			if err := each(i, v); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, v := range l {
			if err := each(i, v); err != nil {
				return nil, err
			}
		}
	default:
		return nil, errors.New("join takes a list and a separator")
	}
	return b.String(), nil
}

// uniq leaves out what was there before. Like the operator ==, it takes 1 and 1.0 for the same.
func uniq(p ...any) (any, error) {
	out, seen := []any{}, map[any]bool{}
	each := func(v any) error {
		key := v
		switch n := v.(type) {
		case nil, string, bool, int:
		case float64:
			if whole := int(n); float64(whole) == n {
				key = whole
			}
		default:
			return errors.New("uniq takes a list of texts, numbers and truth values")
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
		return nil
	}
	switch l := p[0].(type) {
	case []string:
		for _, v := range l {
			if err := each(v); err != nil {
				return nil, err
			}
		}
	case []any:
		for _, v := range l {
			if err := each(v); err != nil {
				return nil, err
			}
		}
	default:
		return nil, errors.New("uniq takes a list")
	}
	return out, nil
}

// replace replaces every occurrence.
func replace(p ...any) (any, error) {
	s, ok1 := p[0].(string)
	from, ok2 := p[1].(string)
	to, ok3 := p[2].(string)
	if !ok1 || !ok2 || !ok3 || from == "" {
		return nil, errors.New("replace takes a text, what to replace in it, and by what")
	}
	if len(s)+strings.Count(s, from)*len(to) > 2*maxText {
		return nil, errTooLong
	}
	return bounded(strings.ReplaceAll(s, from, to))
}

// asText writes a text, a number or a truth value as text.
func asText(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return bounded(v)
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return nil, errors.New("only texts, numbers and truth values become text")
}
