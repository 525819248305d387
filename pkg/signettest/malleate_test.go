package signettest

import (
	"bytes"
	"testing"

	"github.com/signet-id/signet/keys"
)

func TestASignatureOfES256HasAnotherFormThatVerifiesToo(t *testing.T) {
	t.Parallel()
	k, private, err := keys.Generate(keys.ES256, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := pair{k, private}
	token, err := compact(&draft{header: map[string]any{"typ": "at+jwt"}}, "ES256", k.ID, []byte(`{}`), func(input []byte) ([]byte, error) {
		one, err := sign(p, input)
		if err != nil {
			return nil, err
		}
		other := bytes.Clone(one)
		otherForm(p, other)
		again := bytes.Clone(other)
		otherForm(p, again)
		if bytes.Equal(one, other) || !bytes.Equal(one, again) || !bytes.Equal(one[:32], other[:32]) {
			t.Errorf("%x, %x and %x", one, other, again)
		}
		return other, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := keys.Verify(token, func(string) (keys.Key, bool) { return k, true }, "at+jwt"); err != nil {
		t.Error(err)
	}
}
