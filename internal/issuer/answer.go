package issuer

import (
	"encoding/json"
	"net/http"

	"github.com/signet-id/signet/keys"
)

// The values of the headers that every answer of an endpoint for programs carries. They are
// shared by all answers, which nobody changes, so that setting them allocates nothing.
var (
	contentJSON = []string{"application/json"}
	contentJWKS = []string{keys.DocumentType}
	everyone    = []string{"*"}
	fiveMinutes = []string{"public, max-age=300"}
	noStore     = []string{"no-store"}
	noCache     = []string{"no-cache"}
	noSniff     = []string{"nosniff"}
)

// writeJSON answers with v, not to be stored by anyone (RFC 6749 §5.1).
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	writeBody(w, status, body)
}

// writeBody answers with an encoded JSON document, not to be stored by anyone.
func writeBody(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentJSON
	h["Cache-Control"] = noStore
	h["Pragma"] = noCache
	h["X-Content-Type-Options"] = noSniff
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller has gone: nobody to tell
}
