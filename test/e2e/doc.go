// Package e2e proves, on real parts, what Signet is for: people sign in with a real Chromium,
// unmodified Go and Node.js clients complete the flow, replicas are real processes that get
// killed, and the PostgreSQL below them is too.
//
// It holds tests only. The application itself is started by internal/apptest, in this process,
// except where a test needs processes that it can kill.
package e2e
