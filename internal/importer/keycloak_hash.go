package importer

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/signet-id/signet/internal/password"
)

// keycloakCredential is a credential of a person. Since version 8 secretData and credentialData hold
// JSON texts; before, the same was in members of its own.
type keycloakCredential struct {
	Type           string `json:"type"`
	Value          string `json:"value"` // a password in plain text, in files that people wrote
	SecretData     string `json:"secretData"`
	CredentialData string `json:"credentialData"`

	HashedSaltedValue string `json:"hashedSaltedValue"`
	Salt              string `json:"salt"`
	HashIterations    int64  `json:"hashIterations"`
	Algorithm         string `json:"algorithm"`
}

func (c keycloakCredential) password() bool {
	return c.Type == "password" || c.Type == "password-history"
}

// hash returns the person's password hash in a form that package password accepts; "" if they have
// no password.
func (u keycloakUser) hash() (string, error) {
	for _, c := range u.Credentials {
		if c.Type != "password" {
			continue
		}
		encoded, err := c.encoded()
		if err == nil {
			err = password.CheckImport(encoded)
		}
		return encoded, err
	}
	return "", nil
}

// hashed is a hash with its parameters.
type hashed struct {
	algorithm   string
	iterations  int64
	salt, value string
	parameters  map[string][]string
}

func (c keycloakCredential) encoded() (string, error) {
	h := hashed{algorithm: c.Algorithm, iterations: c.HashIterations, salt: c.Salt, value: c.HashedSaltedValue}
	if c.SecretData != "" {
		var secret struct {
			Value string `json:"value"`
			Salt  string `json:"salt"`
		}
		var data struct {
			HashIterations       int64               `json:"hashIterations"`
			Algorithm            string              `json:"algorithm"`
			AdditionalParameters map[string][]string `json:"additionalParameters"`
		}
		if json.Unmarshal([]byte(c.SecretData), &secret) != nil || json.Unmarshal([]byte(c.CredentialData), &data) != nil {
			return "", invalid("password: secretData or credentialData cannot be read")
		}
		h = hashed{data.Algorithm, data.HashIterations, secret.Salt, secret.Value, data.AdditionalParameters}
	}
	switch {
	case h.value == "" && c.Value != "":
		return "", invalid("password: it is in plain text; start the realm once and export it, which hashes it")
	case h.value == "":
		return "", invalid("password: there is no hash in the file; export it with credentials")
	case strings.HasPrefix(h.value, "$"): // an extension that stores the whole encoded hash
		return h.value, nil
	}
	return h.encode()
}

func (h hashed) encode() (string, error) {
	switch h.algorithm {
	case "pbkdf2", "":
		return h.pbkdf2("sha1"), nil
	case "pbkdf2-sha256":
		return h.pbkdf2("sha256"), nil
	case "pbkdf2-sha512":
		return h.pbkdf2("sha512"), nil
	case "argon2":
		return h.argon2()
	}
	return "", invalid("password: hashed with %q, which is not known here", shorten(h.algorithm))
}

func (h hashed) pbkdf2(digest string) string {
	return fmt.Sprintf("$pbkdf2-%s$%d$%s$%s", digest, h.iterations, h.salt, h.value)
}

func (h hashed) argon2() (string, error) {
	parameter := func(name, otherwise string) string {
		if v := h.parameters[name]; len(v) == 1 {
			return v[0]
		}
		return otherwise
	}
	if version := parameter("version", "1.3"); version != "1.3" {
		return "", invalid("password: argon2 of version %q; only 1.3 is known here", shorten(version))
	}
	variant := "argon2" + parameter("type", "id")
	if variant != "argon2id" && variant != "argon2i" && variant != "argon2d" {
		return "", invalid("password: a variant of argon2 that is not known here")
	}
	return fmt.Sprintf("$%s$v=19$m=%s,t=%d,p=%s$%s$%s", variant,
		parameter("memory", ""), h.iterations, parameter("parallelism", ""), h.salt, h.value), nil
}
