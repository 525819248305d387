package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/server"
	"github.com/signet-id/signet/internal/telemetry"
)

// pair returns a self-signed certificate for localhost and its key, PEM.
func pair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	kb, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kb})
}

// put replaces a file in one step, as the tools that renew certificates do.
func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// served returns the name in the certificate that a new connection meets.
func served(t *testing.T, addr string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) // the test looks at the certificate itself
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestTLSFilesAreReadAgainWhenTheyChangeAndABrokenPairKeepsTheOldOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := &server.TLSFiles{Cert: filepath.Join(dir, "crt"), Key: filepath.Join(dir, "key"), Poll: 5 * time.Millisecond}
	cert, key := pair(t, "first")
	put(t, files.Cert, cert)
	put(t, files.Key, key)
	s := start(t, server.Config{TLS: files, Routes: []server.Route{route("GET", "/", whoami)}})
	if got := served(t, s.addr); got != "first" {
		t.Fatalf("serves %s", got)
	}

	second, secondKey := pair(t, "second")
	put(t, files.Cert, second) // with the first one's key: half of a renewal
	const broken = "the new TLS certificate does not load; the old one stays in use"
	wait(t, "the broken pair to be noticed", func() bool { return len(s.log.records(broken)) == 1 })
	if got := served(t, s.addr); got != "first" {
		t.Errorf("with a broken pair it serves %s", got)
	}
	put(t, files.Key, secondKey)
	wait(t, "the second certificate", func() bool { return served(t, s.addr) == "second" })
	if n := len(s.log.records(broken)); n != 1 {
		t.Errorf("the broken pair was logged %d times", n)
	}

	third, thirdKey := pair(t, "third")
	if err := os.Remove(files.Cert); err != nil {
		t.Fatal(err)
	}
	wait(t, "the missing file to be noticed", func() bool { return len(s.log.records(broken)) == 2 })
	for range 20 { // many polls later
		if got := served(t, s.addr); got != "second" {
			t.Fatalf("with a missing file it serves %s", got)
		}
	}
	if n := len(s.log.records(broken)); n != 2 {
		t.Errorf("the missing file was logged %d times", n-1)
	}
	put(t, files.Key, thirdKey)
	put(t, files.Cert, third)
	wait(t, "the third certificate", func() bool { return served(t, s.addr) == "third" })
	if text := s.log.String(); strings.Contains(text, "PRIVATE KEY") {
		t.Error("the key is in the log")
	}
}

func TestTLSRequestsAreHTTPSAndOldProtocolsAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := &server.TLSFiles{Cert: filepath.Join(dir, "crt"), Key: filepath.Join(dir, "key")}
	cert, key := pair(t, "localhost")
	put(t, files.Cert, cert)
	put(t, files.Key, key)
	s := start(t, server.Config{TLS: files, Routes: []server.Route{route("GET", "/", whoami)}})
	conn, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(b), "127.0.0.1 https") || !strings.Contains(string(b), "Strict-Transport-Security: max-age=") {
		t.Errorf("%v\n%s", err, b)
	}
	if old, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		_ = old.Close()
		t.Error("TLS 1.1 is accepted")
	}
}

func TestTLSFilesThatDoNotLoadAreAnErrorAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, _ := pair(t, "a")
	_, key := pair(t, "b")
	put(t, filepath.Join(dir, "crt"), cert)
	put(t, filepath.Join(dir, "key"), key)
	for name, files := range map[string]*server.TLSFiles{
		"missing":  {Cert: filepath.Join(dir, "nowhere"), Key: filepath.Join(dir, "key")},
		"unpaired": {Cert: filepath.Join(dir, "crt"), Key: filepath.Join(dir, "key")},
	} {
		_, err := server.New(server.Config{TLS: files, Metrics: telemetry.NewMetrics(telemetry.Build{}), Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), "server.tls_cert_file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
