package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/telemetry"
)

func TestRecordsCarryTheRequestIDOfTheirContext(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := telemetry.NewLogger(&b, slog.LevelInfo, "json").With("part", "issuer")
	log.InfoContext(telemetry.WithRequestID(context.Background(), "req-1"), "issued", "secret", secret.New("hunter2"))
	log.Info("no request")
	log.Debug("below the level")
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), b.String())
	}
	var rec map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &rec); err != nil {
		t.Fatal(err)
	}
	if rec["request_id"] != "req-1" || rec["part"] != "issuer" || rec["secret"] != "[redacted]" || rec["level"] != "INFO" {
		t.Errorf("record %v", rec)
	}
	if strings.Contains(lines[1], "request_id") {
		t.Errorf("record outside a request: %s", lines[1])
	}
}

func TestTheTextFormatIsForPeople(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	telemetry.NewLogger(&b, slog.LevelWarn, "text").WarnContext(telemetry.WithRequestID(context.Background(), "req-1"), "look here")
	if got := b.String(); !strings.Contains(got, `level=WARN msg="look here" request_id=req-1`) {
		t.Errorf("%s", got)
	}
}

type pool struct{}

func (pool) AcquiredConns() int32           { return 1 }
func (pool) IdleConns() int32               { return 2 }
func (pool) MaxConns() int32                { return 3 }
func (pool) EmptyAcquireCount() int64       { return 4 }
func (pool) AcquireDuration() time.Duration { return 5 * time.Second }

func TestMetricsHaveTheDocumentedNamesAndFollowTheConvention(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics(telemetry.Build{Version: "v1", Revision: "abc", GoVersion: "go1"})
	m.RequestStarted()
	m.RequestStarted()
	m.RequestDone("/token", "POST", 200, 30*time.Millisecond)
	m.TokenIssued("authorization_code", "access")
	m.SignIn("success")
	m.Refresh("rotated")
	m.Authorization("granted")
	m.PasswordHashed("argon2id", 20*time.Millisecond)
	m.PasswordRefused()
	m.ObservePasswordQueue(func() int { return 7 })
	m.ObserveCutoffs(func() int { return 8 })
	m.ObservePool(func() telemetry.PoolStats { return pool{} })
	m.KeyStep("publish")
	m.ObserveSigningKeys(func() telemetry.SigningKeys {
		return telemetry.SigningKeys{
			Keys:    []telemetry.SigningKey{{KID: "k1", Alg: "ES256", State: "active"}, {KID: "k2", Alg: "ES256", State: "next"}},
			Rings:   []telemetry.SigningRing{{Alg: "ES256", Age: 5 * time.Second, Next: map[string]time.Duration{"active": time.Minute}, Overdue: true}, {Alg: "RS256"}},
			Damaged: 9, LoadedAge: 10 * time.Second, ClockOffset: -11 * time.Second,
		}
	})

	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	text := rec.Body.String()
	for _, want := range []string{
		`signet_build_info{go_version="go1",revision="abc",version="v1"} 1`,
		`signet_http_requests_total{code="200",method="POST",route="/token"} 1`,
		`signet_http_request_duration_seconds_bucket{method="POST",route="/token",le="0.05"} 1`,
		`signet_http_requests_in_flight 1`,
		`signet_tokens_issued_total{grant_type="authorization_code",kind="access"} 1`,
		`signet_sign_ins_total{result="success"} 1`,
		`signet_refresh_total{result="rotated"} 1`,
		`signet_authorizations_total{result="granted"} 1`,
		`signet_password_hash_duration_seconds_count{algorithm="argon2id"} 1`,
		`signet_password_hash_refused_total 1`,
		`signet_password_hash_queue 7`,
		`signet_cutoffs 8`,
		`signet_db_pool_acquired_connections 1`,
		`signet_db_pool_idle_connections 2`,
		`signet_db_pool_max_connections 3`,
		`signet_db_pool_empty_acquires_total 4`,
		`signet_db_pool_acquire_duration_seconds_total 5`,
		`signet_signing_key_info{alg="ES256",kid="k1",state="active"} 1`,
		`signet_signing_key_info{alg="ES256",kid="k2",state="next"} 1`,
		`signet_signing_key_age_seconds{alg="ES256"} 5`,
		`signet_signing_key_next_step_seconds{alg="ES256",step="active"} 60`,
		`signet_signing_key_step_overdue{alg="ES256"} 1`,
		`signet_signing_key_step_overdue{alg="RS256"} 0`,
		`signet_signing_key_steps_total{step="publish"} 1`,
		`signet_signing_keys_damaged 9`,
		`signet_signing_keys_loaded_age_seconds 10`,
		`signet_clock_offset_seconds -11`,
		`go_goroutines `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing %s", want)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestTwoProgramsInOneProcessDoNotShareMetrics(t *testing.T) {
	t.Parallel()
	a, b := telemetry.NewMetrics(telemetry.Build{}), telemetry.NewMetrics(telemetry.Build{})
	a.SignIn("failure")
	rec := httptest.NewRecorder()
	b.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if strings.Contains(rec.Body.String(), "signet_sign_ins_total{") {
		t.Error("b counts what a saw")
	}
}

func TestConnectorsBeyondTheFirstHundredShareALabel(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics(telemetry.Build{})
	for n := range 150 {
		for range 2 {
			m.UpstreamSignIn(fmt.Sprintf("acme.c%d", n), "success")
			m.UpstreamRequest(fmt.Sprintf("acme.c%d", n), "token", time.Second)
		}
	}
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	body := rec.Body.String()
	for _, want := range []string{
		`signet_upstream_sign_ins_total{connector="acme.c99",result="success"} 2`,
		`signet_upstream_sign_ins_total{connector="other",result="success"} 100`,
		`signet_upstream_request_duration_seconds_count{connector="other",request="token"} 100`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(body, "acme.c100") {
		t.Error("a label for each of many connectors")
	}
}
