package client_test

import (
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

func TestASecretThatIsBroughtAlongMustBeHardToGuess(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"5c0fd0a8-3c1e-4f0a-9d5e-2b7f6f1d3e4a", "Zk8Q~sT1.aB_c-D2eF3gH", "with a space: it may be", secret.Generate().Reveal(),
		strings.Repeat("0123456789", 25) + "01234",
	} {
		if err := client.CheckSecret(secret.New(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for name, bad := range map[string]string{
		"none": "", "a word": "changeit", "one short": "0123456789abcdefghi", "one letter": strings.Repeat("a", 40), "few letters": strings.Repeat("012345678", 4),
		"too long": strings.Repeat("0123456789", 25) + "012345", "a line break": "0123456789abcdefghij\n", "a NUL": "0123456789abc\x00defghij",
		"beyond ASCII": "0123456789abcdefghijü", "a space behind": "0123456789abcdefghij ",
	} {
		fields := errdefs.Fields(client.CheckSecret(secret.New(bad)))
		if len(fields) != 1 || fields[0].Field != "secret" || bad != "" && strings.Contains(fields[0].Text, bad) {
			t.Errorf("%s: %v", name, fields)
		}
	}
}

func TestSecretsCountAsLongAsTheyAreValid(t *testing.T) {
	t.Parallel()
	c := client.Client{Secrets: []client.Secret{{ExpiresAt: noon}, {}}}
	for at, want := range map[time.Time]int{noon.Add(-1): 2, noon: 1} {
		if got := c.ValidSecrets(at); got != want {
			t.Errorf("%v: %d", at, got)
		}
	}
}

func TestATokenIsGoodOnlyIfItsClientWasSinceNeitherMadeNorDisabled(t *testing.T) {
	t.Parallel()
	c := client.Client{ValidFrom: noon.Add(300 * time.Millisecond)}
	for at, want := range map[time.Time]bool{noon.Add(-time.Second): false, noon: true, noon.Add(time.Second): true} {
		if c.Honours(at) != want {
			t.Errorf("%v: %v", at, !want)
		}
	}
	if c.DisabledAt = noon; c.Honours(noon.Add(time.Hour)) {
		t.Error("a disabled client is honoured")
	}
}
