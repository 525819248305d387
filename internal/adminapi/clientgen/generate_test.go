package clientgen

import (
	"os"
	"strings"
	"testing"
)

// document has one of everything that the administration uses.
const small = `{"openapi": "3.1.0", "paths": {
  "/clients": {
    "get": {"operationId": "list-clients", "summary": "List clients.", "parameters": [
        {"in": "query", "name": "cursor", "schema": {"type": "string"}},
        {"in": "query", "name": "limit", "schema": {"type": "integer", "format": "int64", "maximum": 200}},
        {"in": "query", "name": "disabled", "schema": {"type": "boolean"}},
        {"in": "query", "name": "since", "schema": {"type": "string", "format": "date-time"}},
        {"in": "query", "name": "kind", "explode": false, "schema": {"type": ["array", "null"], "items": {"type": "string"}}}],
      "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/PageClient"}}}}, "default": {}}},
    "post": {"operationId": "create-client", "summary": "Register a client", "parameters": [{"in": "header", "name": "Idempotency-Key", "schema": {"type": "string"}}],
      "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/CreateClientRequest"}}}},
      "responses": {"201": {"headers": {"ETag": {}}, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Client"}}}}}}},
  "/clients/{client}/secrets/{secret}": {
    "patch": {"operationId": "update-secret", "summary": "Edit", "parameters": [
        {"in": "path", "name": "client", "schema": {"type": "string"}}, {"in": "path", "name": "secret", "schema": {"type": "string"}},
        {"in": "header", "name": "If-Match", "schema": {"type": "string"}}],
      "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Edit"}}}},
      "responses": {"204": {"description": "No Content"}}}},
  "/imports": {
    "post": {"operationId": "import-users", "summary": "Import", "requestBody": {"content": {"text/csv": {"schema": {"type": "string"}}}},
      "responses": {"200": {"content": {"application/x-ndjson": {}}}}}}
}, "components": {"schemas": {
  "PageClient": {"type": "object", "properties": {"$schema": {"type": "string"}, "items": {"type": "array", "items": {"$ref": "#/components/schemas/Client"}}, "next_cursor": {"type": "string"}}},
  "Client": {"type": "object", "description": "Client is an application.", "required": ["id", "redirect_uris", "claims", "created_at"], "properties": {
    "redirect_uris": {"type": ["array", "null"], "items": {"type": "string"}}, "created_at": {"type": "string", "format": "date-time"},
    "claims": {"type": "array", "items": {"$ref": "#/components/schemas/Mapping"}}, "attributes": {"type": "object", "additionalProperties": {}},
    "disabled_at": {"type": "string", "format": "date-time"}, "id": {"type": "string", "description": "Any printable text", "enum": ["a", "b"]}}},
  "CreateClientRequest": {"type": "object", "required": ["redirect_uris"], "properties": {"redirect_uris": {"type": "array", "items": {"type": "string"}},
    "skip_consent": {"type": "boolean", "default": true}, "name": {"type": "string"}}},
  "Edit": {"type": "object", "properties": {"name": {"type": "string"}, "roles": {"type": "array", "items": {"type": "string"}}}},
  "Mapping": {"type": "object", "required": ["value"], "properties": {"value": {}}}
}}}`

func TestTheClientOfASmallDocumentIsAsCommitted(t *testing.T) {
	t.Parallel()
	got, err := Generate([]byte(small), "/admin/v1")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile("testdata/small.go.golden", got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/small.go.golden")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the generated source has changed; if that is meant, run the test again with UPDATE_GOLDEN=1 and look at the difference:\n%s", got)
	}
}

func TestWhatTheGeneratorDoesNotKnowIsAnErrorAndNoGuess(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, old, new, want string }{
		{"no operation id", `"operationId": "update-secret", `, ``, "no operationId"},
		{"an id twice", `"operationId": "update-secret"`, `"operationId": "create-client"`, "create-client is that of"},
		{"an unknown method", `"patch":`, `"trace":`, "clients cannot call"},
		{"a header of another name", `"name": "If-Match"`, `"name": "X-Wish"`, "X-Wish in header"},
		{"a path parameter that is a number", `"name": "secret", "schema": {"type": "string"}`, `"name": "secret", "schema": {"type": "integer"}`, "is no string"},
		{"a query parameter of a type of its own", `"name": "since", "schema": {"type": "string", "format": "date-time"}`, `"name": "since", "schema": {"type": "object"}`, "query parameter since"},
		{"two kinds of one value", `"type": "object", "properties": {"name": {"type": "string"}, "roles"`, `"type": "object", "properties": {"name": {"type": ["string", "integer"]}, "roles"`, "has no Go type"},
		{"an object in place", `"value": {}`, `"value": {"type": "object", "properties": {"x": {"type": "string"}}}`, "needs a name"},
		{"a schema that is not there", `"$ref": "#/components/schemas/Mapping"`, `"$ref": "#/components/schemas/Nothing"`, "no schema Nothing"},
		{"two answers", `"204": {"description": "No Content"}`, `"204": {}, "200": {}`, "2 answers of success"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(small, c.old, c.new, 1)
			if changed == small {
				t.Fatal("the document does not hold what is to be changed")
			}
			if _, err := Generate([]byte(changed), ""); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
		})
	}
}
