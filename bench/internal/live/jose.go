package live

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// joseScript is the service that verifies with jose, below the checkout's test/node, where its packages
// are.
const joseScript = "verifier.mjs"

// jose is npm's jose in a Node.js of its own, which is handed tokens and hands back verdicts, a line each.
type jose struct {
	name, version string
	cmd           *exec.Cmd
	in            io.WriteCloser
	ended         chan struct{} // closed when the child said its last

	mu      sync.Mutex
	next    int
	waiting map[int]chan string
}

// verdict is a line of the child. The first has the version and no number.
type verdict struct {
	ID      int    `json:"id"`
	Error   string `json:"error"` // "" for a good token
	Version string `json:"version"`
}

// Jose starts it; node is the directory test/node of the checkout.
func Jose(ctx context.Context, f *Fleet, name, node string) (Verifier, error) {
	if _, err := os.Stat(filepath.Join(node, "node_modules", "jose")); err != nil {
		return nil, fmt.Errorf("the packages of Node.js are missing; run npm ci in %s: %w", node, err)
	}
	j := &jose{name: name, ended: make(chan struct{}), waiting: map[int]chan string{}}
	j.cmd = exec.CommandContext(ctx, "node", joseScript)
	j.cmd.Dir, j.cmd.Stderr = node, os.Stderr
	j.cmd.Env = append(os.Environ(), "ISSUER="+f.Issuer(), "JWKS_URL="+f.Balancer().KeysURL(name))
	out, err := j.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if j.in, err = j.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := j.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start Node.js: %w", err)
	}
	lines := bufio.NewScanner(out)
	var first verdict
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &first) != nil || first.Version == "" {
		_ = j.cmd.Process.Kill()
		return nil, fmt.Errorf("the child in Node.js said %q and not which jose it has: %w", lines.Text(), j.cmd.Wait())
	}
	j.version = first.Version
	go j.read(lines)
	return j, nil
}

// read hands out verdicts until the child ends.
func (j *jose) read(lines *bufio.Scanner) {
	defer close(j.ended)
	for lines.Scan() {
		var v verdict
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			continue // whoever waits for it is told that there was no answer
		}
		j.mu.Lock()
		c := j.waiting[v.ID]
		delete(j.waiting, v.ID)
		j.mu.Unlock()
		if c != nil {
			c <- v.Error
		}
	}
}

func (j *jose) Name() string    { return j.name }
func (j *jose) Version() string { return j.version }
func (j *jose) Ours() bool      { return false }

// Verify implements Verifier.
func (j *jose) Verify(ctx context.Context, t Token) error {
	c := make(chan string, 1)
	j.mu.Lock()
	j.next++
	id := j.next
	j.waiting[id] = c
	line, err := json.Marshal(map[string]any{"id": id, "token": t.Raw, "audience": t.Audience})
	if err == nil {
		_, err = j.in.Write(append(line, '\n'))
	}
	j.mu.Unlock()
	if err != nil {
		return fmt.Errorf("hand a token to Node.js: %w", err)
	}
	select {
	case why := <-c:
		if why != "" {
			return errors.New(why)
		}
		return nil
	case <-ctx.Done():
		j.mu.Lock()
		delete(j.waiting, id)
		j.mu.Unlock()
		return ctx.Err()
	case <-j.ended:
		return errors.New("the child in Node.js ended")
	}
}

// Close ends the child.
func (j *jose) Close() error {
	err := j.in.Close() // upon which it ends
	<-j.ended
	return errors.Join(err, j.cmd.Wait())
}
