package password

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

const (
	// DefaultMin is the shortest password, in code points, that may be the only factor, and
	// DefaultMinSecondFactor the shortest one beside a second factor (SP 800-63B-4 §3.1.1.2).
	DefaultMin             = 15
	DefaultMinSecondFactor = 8
	// MaxLength is the longest accepted password in code points of its NFC form. The standard
	// asks for 64 at least; the cap bounds work, and passphrases stay well below it.
	MaxLength = 256

	lowestMin  = 8
	highestMin = 64 // a floor above what the standard requires us to accept as a maximum
)

// Reason says why a password was refused, for the page to word.
type Reason string

// The reasons for refusing a password.
const (
	// TooShort: fewer than Refusal.Min code points.
	TooShort Reason = "too_short"
	// TooLong: more than Refusal.Max code points.
	TooLong Reason = "too_long"
	// Unusable: not valid UTF-8, or with control characters or code points that Unicode has not
	// assigned, whose normal form may change (SP 800-63B-4 §3.1.1.2, UAX #15 §12.1).
	Unusable Reason = "unusable"
	// Common: on the blocklist, or such a password with little added.
	Common Reason = "common"
	// Repetitive: mostly repetition, a sequence or a walk over the keyboard.
	Repetitive Reason = "repetitive"
	// ContextWord: mostly the person's own name or address, or the name of the service.
	ContextWord Reason = "context_word"
)

// Refusal is the error of [Rules.Check]. It is errdefs.ErrInvalid and never holds the password.
type Refusal struct {
	Reason Reason
	Min    int // with TooShort: the least number of code points
	Max    int // with TooLong: the greatest
}

// Error names the password and gives the advice.
func (r *Refusal) Error() string { return "password: " + r.Advice() }

// Advice says what to do instead.
func (r *Refusal) Advice() string {
	switch r.Reason {
	case TooShort:
		return fmt.Sprintf("use %d characters or more", r.Min)
	case TooLong:
		return fmt.Sprintf("use no more than %d characters", r.Max)
	case Unusable:
		return "it contains characters that cannot be typed reliably; use others"
	case Common:
		return "it is one of those that attackers try first; use another"
	case Repetitive:
		return "it is mostly repetition or a simple sequence; use something less regular"
	default:
		return "it is mostly your name, your address or the name of this service; use other words"
	}
}

// Unwrap makes every refusal an errdefs.ErrInvalid.
func (r *Refusal) Unwrap() error { return errdefs.ErrInvalid }

// RulesConfig is what [Rules] are built from. The zero value of each field means its default.
type RulesConfig struct {
	// Min is the minimum for a password that is the only factor, 8 to 64. Default 15, which
	// SP 800-63B-4 requires; less is the operator's deliberate deviation.
	Min int
	// MinSecondFactor is the minimum beside a second factor, 8 to Min. Default 8.
	MinSecondFactor int
	// Service holds the names of the product and its company.
	Service []string
	// Blocklist is the operator's own list. Optional: the built-in one always applies.
	Blocklist *Blocklist
}

// Rules judge new passwords. There are no composition rules and none of expiry, as the
// standard forbids both (SP 800-63B-4 §3.1.1.2). Safe for concurrent use.
type Rules struct {
	cfg     RulesConfig
	builtin *Blocklist
	service []string
}

// NewRules checks cfg and builds Rules. The error lists every fault of cfg.
func NewRules(cfg RulesConfig) (*Rules, error) {
	if cfg.Min == 0 {
		cfg.Min = DefaultMin
	}
	if cfg.MinSecondFactor == 0 {
		cfg.MinSecondFactor = min(DefaultMinSecondFactor, cfg.Min)
	}
	var faults []error
	if cfg.Min < lowestMin || cfg.Min > highestMin {
		faults = append(faults, fmt.Errorf("minimum length is %d: use %d to %d", cfg.Min, lowestMin, highestMin))
	}
	if cfg.MinSecondFactor < lowestMin || cfg.MinSecondFactor > max(cfg.Min, lowestMin) {
		faults = append(faults, fmt.Errorf("minimum length beside a second factor is %d: use %d to %d", cfg.MinSecondFactor, lowestMin, cfg.Min))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("password rules: %w: %w", errdefs.ErrInvalid, errors.Join(faults...))
	}
	builtin, err := builtinBlocklist()
	if err != nil {
		return nil, fmt.Errorf("password rules: %w", err)
	}
	return &Rules{cfg: cfg, builtin: builtin, service: wordsOf(cfg.Service...)}, nil
}

// Context is what is known about the person who chooses the password.
type Context struct {
	// SecondFactor says that the password is never enough by itself for this account.
	SecondFactor bool
	// Email and Name are the person's; both optional.
	Email, Name string
	// Words are further expected ones, such as the tenant's name.
	Words []string
}

// Check reports whether candidate may become the password of the person in c. The error is a
// *[Refusal]. Lengths count the code points of the NFC form; the blocklist compares the whole
// password, without regard to case, width and the usual substitutions (0 for o, @ for a).
func (r *Rules) Check(candidate secret.Text, c Context) error {
	raw := candidate.Reveal()
	least := r.cfg.Min
	if c.SecondFactor {
		least = r.cfg.MinSecondFactor
	}
	if len(raw) > maxInput {
		return &Refusal{Reason: TooLong, Max: MaxLength}
	}
	if !utf8.ValidString(raw) {
		return &Refusal{Reason: Unusable}
	}
	text := norm.NFC.String(raw)
	switch n := utf8.RuneCountInString(text); {
	case n < least:
		return &Refusal{Reason: TooShort, Min: least}
	case n > MaxLength:
		return &Refusal{Reason: TooLong, Max: MaxLength}
	}
	for _, ch := range text {
		if unicode.In(ch, unicode.Cc, unicode.Cn) {
			return &Refusal{Reason: Unusable}
		}
	}
	folded := fold(text)
	chars := []rune(folded)
	switch {
	case r.cfg.Blocklist.contains(folded), r.common(chars):
		return &Refusal{Reason: Common}
	case repeats(chars, least), thin(chars, nil):
		return &Refusal{Reason: Repetitive}
	}
	words := append(wordsOf(c.Email, c.Name), wordsOf(c.Words...)...)
	if thin(chars, append(words, r.service...)) {
		return &Refusal{Reason: ContextWord}
	}
	return nil
}
