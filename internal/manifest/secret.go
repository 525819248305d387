package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/signet-id/signet/internal/secret"
)

// Secrets finds values that a document names and does not hold.
type Secrets struct {
	Env  func(name string) (string, bool)
	File func(path string) ([]byte, error) // a relative path is the document's directory's
}

// lookUp reads {env: NAME} or {file: path}. The value of a file loses the line break at its end.
func (p *parser) lookUp(n *yaml.Node, what string) (secret.Text, bool) {
	var env, file string
	if n.Kind != yaml.MappingNode {
		// The value is not repeated: it may be the secret itself.
		p.fault(n, "%s: name where it is kept, {env: NAME} or {file: path}; a secret does not belong into a document", what)
		return secret.Text{}, false
	}
	ok := true
	p.mapping(n, func(key string, kn, v *yaml.Node) {
		switch s, good := p.string(v); {
		case key == "env" && good && s != "":
			env = s
		case key == "file" && good && s != "":
			file = s
		default:
			p.fault(kn, "%s: name where it is kept, {env: NAME} or {file: path}", what)
			ok = false
		}
	})
	switch {
	case !ok:
		return secret.Text{}, false
	case (env == "") == (file == ""):
		p.fault(n, "%s: name where it is kept, {env: NAME} or {file: path}", what)
		return secret.Text{}, false
	case env != "":
		v, found := p.secrets.Env(env)
		if !found || v == "" {
			p.fault(n, "%s: the environment variable %s is not set", what, env)
			return secret.Text{}, false
		}
		return secret.New(v), true
	}
	b, err := p.secrets.File(file)
	if err != nil {
		p.fault(n, "%s: %v", what, err)
		return secret.Text{}, false
	}
	v := strings.TrimRight(string(b), "\r\n")
	if v == "" {
		p.fault(n, "%s: the file %s is empty", what, file)
		return secret.Text{}, false
	}
	return secret.New(v), true
}

// secret reads an entry of a client's secrets: where it is kept.
func (p *parser) secret(t *thing, n *yaml.Node) *thing {
	s, ok := p.lookUp(n, "secret")
	if !ok {
		return nil
	}
	t.key = Fingerprint(s)
	t.fields["secret"] = value{s, n.Line}
	return t
}

// Fingerprint tells a client's secret from others without giving it away: the beginning of the
// digest of the digest that the server stores. Secrets are random, so that nobody finds one by
// trying.
func Fingerprint(s secret.Text) string {
	digest := s.Hash()
	again := sha256.Sum256(digest[:])
	return hex.EncodeToString(again[:6])
}
