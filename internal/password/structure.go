package password

import (
	"slices"
	"strings"
	"unicode"
)

// enough is how many characters that nothing explains make a password of n characters more
// than its pattern: half of them, and eight are enough whatever the length.
func enough(n int) int { return min(8, (n+1)/2) }

// thin reports whether too little of chars is left once runs (aaaa, 1234, qwerty, 1qaz) count
// as one character each and the given words as none.
func thin(chars []rune, words []string) bool {
	named := make([]bool, len(chars))
	for _, word := range words {
		cover(chars, []rune(word), named)
	}
	left := 0
	for i, explained := range runs(chars) {
		if !explained && !named[i] {
			left++
		}
	}
	return min(left, interleaved(chars, named)) < enough(len(chars))
}

// interleaved is what is left of two runs woven into each other (q1w2e3r4, a1b2c3d4).
func interleaved(chars []rune, named []bool) int {
	left := 0
	for start := range 2 {
		var strand []rune
		var covered []bool
		for i := start; i < len(chars); i += 2 {
			strand, covered = append(strand, chars[i]), append(covered, named[i])
		}
		for i, explained := range runs(strand) {
			if !explained && !covered[i] {
				left++
			}
		}
	}
	return left
}

// cover marks in covered every place where word occurs in chars.
func cover(chars, word []rune, covered []bool) {
	for i := 0; i+len(word) <= len(chars); i++ {
		if slices.Equal(chars[i:i+len(word)], word) {
			for j := range word {
				covered[i+j] = true
			}
		}
	}
}

// repeats reports whether chars is a unit of fewer than least characters over and over, the
// last time perhaps without its final character (a separator).
func repeats(chars []rune, least int) bool {
	p := period(chars)
	return p < least && len(chars) >= 2*p-1 && p < len(chars)
}

// period is the smallest p such that each character equals the one p before it.
func period(chars []rune) int {
	for p := 1; p < len(chars); p++ {
		if slices.Equal(chars[p:], chars[:len(chars)-p]) {
			return p
		}
	}
	return len(chars)
}

// runs marks the characters that follow from those before them: all but the first of every
// run of three or more that repeat, count up or down, or walk along the keyboard.
func runs(chars []rune) []bool {
	explained := make([]bool, len(chars))
	for start := 0; start < len(chars)-2; {
		end, common := start+1, allSteps
		for end < len(chars) && common&stepOf(chars[end-1], chars[end]) != 0 {
			common &= stepOf(chars[end-1], chars[end])
			end++
		}
		if end-start >= 3 {
			for i := start + 1; i < end; i++ {
				explained[i] = true
			}
		}
		start = max(end-1, start+1)
	}
	return explained
}

// step is a set of ways to get from one character to the next.
type step uint8

const (
	same step = 1 << iota
	up
	down
	right
	left
	allSteps = same | up | down | right | left
)

// keyboardWalks are rows and columns of common keyboards: QWERTY with its shifted digits,
// QWERTZ, AZERTY, the number pad.
const keyboardWalks = "`1234567890-= ~!@#$%^&*()_+ qwertyuiop[]\\ asdfghjkl;' zxcvbnm,./ " +
	"qwertzuiop yxcvbnm azertyuiop qsdfghjklm wxcvbn " +
	"1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm 8ik, 9ol. !qaz @wsx #edc $rfv %tgb ^yhn &ujm 741 852 963"

func stepOf(a, b rune) step {
	var s step
	switch {
	case a == b:
		s |= same
	case b == a+1 && ordered(a) && ordered(b):
		s |= up
	case b == a-1 && ordered(a) && ordered(b):
		s |= down
	}
	if a <= ' ' || b <= ' ' || a > unicode.MaxASCII || b > unicode.MaxASCII {
		return s
	}
	if strings.Contains(keyboardWalks, string([]rune{a, b})) {
		s |= right
	}
	if strings.Contains(keyboardWalks, string([]rune{b, a})) {
		s |= left
	}
	return s
}

func ordered(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// wordsOf splits names and addresses into the folded words that a password should not consist
// of. Words below three characters say nothing.
func wordsOf(texts ...string) []string {
	var words []string
	for _, text := range texts {
		whole := fold(text)
		parts := strings.FieldsFunc(whole, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, word := range append(parts, strings.Join(parts, ""), whole) {
			if len([]rune(word)) >= 3 {
				words = append(words, word)
			}
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}
