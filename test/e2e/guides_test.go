package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/test/browsertest"
	"github.com/signet-id/signet/test/nodetest"
)

var fence = regexp.MustCompile("(?ms)^```([^\\n]*)\\n(.*?)^```$")

// TestEverySnippetOfTheFrontendGuideIsAFileThatTheTestsRun ties the guide to the files below
// test/, which TestGuide… run.
func TestEverySnippetOfTheFrontendGuideIsAFileThatTheTestsRun(t *testing.T) {
	t.Parallel()
	checkSnippets(t, "frontends.md", registerScript, spaModule, nodeWeb, goWeb, goNative)
}

// checkSnippets compares every block of a guide with the file that it names; the guide shows
// these files and no others.
func checkSnippets(t *testing.T, name string, files ...string) {
	t.Helper()
	root := nodetest.Root(t)
	guide, err := os.ReadFile(filepath.Join(root, "docs", "guides", name))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range fence.FindAllStringSubmatch(string(guide), -1) {
		if m[1] == "mermaid" { // a picture
			continue
		}
		_, file, ok := strings.Cut(m[1], " file=")
		if !ok || !slices.Contains(files, file) {
			t.Errorf("%s: a block that no test runs: ```%s", name, m[1])
			continue
		}
		seen[file] = true
		want, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			t.Error(err)
			continue
		}
		if m[2] != string(want) {
			t.Errorf("%s: its copy of %s differs from the file: copy the file into the guide", name, file)
		}
	}
	for _, file := range files {
		if !seen[file] {
			t.Errorf("%s does not show %s", name, file)
		}
	}
	pictures := strings.Count(string(guide), "\n```mermaid\n")
	if n := strings.Count(string(guide), "\n```"); n != 2*(len(files)+pictures) {
		t.Errorf("%s: %d fences for %d snippets: an indented or unclosed block escapes this test", name, n, len(files))
	}
}

// The files of the guide.
const (
	registerScript = "test/guides/register.sh"
	spaModule      = "test/node/guides/spa.mjs"
	nodeWeb        = "test/node/guides/web.mjs"
	goWeb          = "test/guides/web/main.go"
	goNative       = "test/guides/native/main.go"
)

// The person whom the guide's commands make.
const (
	erin         = "erin@acme.example"
	erinPassword = "seven quiet harbours at dawn"
)

// guideWorld is an issuer whose clients the guide's own commands registered, and an API.
type guideWorld struct {
	*apptest.App
	shop   string // origin of the single-page app
	api    string
	secret string // of the server-rendered app
}

func startGuide(t *testing.T, shop string) guideWorld {
	t.Helper()
	service := httptest.NewUnstartedServer(nil)
	w := guideWorld{shop: shop, api: "http://" + service.Listener.Addr().String()}
	listen := freeAddress(t)
	w.App = apptest.Start(t, apptest.With("SIGNET_ISSUER", shortLived(t, "http://"+listen)), apptest.With("SIGNET_SERVER_LISTEN", listen))
	service.Config.Handler = ordersService(t, w.URL, shop)
	service.Start()
	t.Cleanup(service.Close)

	path, err := binary()
	if err != nil {
		t.Fatalf("build signet: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "password.txt"), []byte(erinPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-eu", filepath.Join(nodetest.Root(t), filepath.FromSlash(registerScript)))
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + filepath.Dir(path) + ":" + os.Getenv("PATH"), "DATABASE_URL=" + w.DSN,
		"SHOP=" + shop, "OFFICE=http://127.0.0.1",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", registerScript, err, out)
	}
	m := regexp.MustCompile(`(?m)^secret +(\S+)$`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("no secret was printed:\n%s", out)
	}
	w.secret = string(m[1])
	return w
}

// shortLived passes everything on to the issuer and makes its clients believe that access
// tokens end in five seconds, so that all of them refresh before each use. It is the issuer's
// public address.
func shortLived(t *testing.T, issuer string) string {
	t.Helper()
	target, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(res *http.Response) error {
			if res.Request.URL.Path != "/token" || res.StatusCode != http.StatusOK || res.Request.Method != http.MethodPost {
				return nil
			}
			var body map[string]any
			if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
				return err
			}
			_ = res.Body.Close()
			body["expires_in"] = 5
			changed, err := json.Marshal(body)
			if err != nil {
				return err
			}
			res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(changed)), int64(len(changed))
			res.Header.Set("Content-Length", strconv.Itoa(len(changed)))
			return nil
		},
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return s.URL
}

func TestGuideForServerRenderedApplications(t *testing.T) {
	t.Parallel()
	node := nodetest.Find(t)
	w := startGuide(t, "https://shop.acme.example")
	for name, cmd := range map[string]*exec.Cmd{
		"Node.js": node.Command(t, filepath.Join(nodetest.Root(t), filepath.FromSlash(nodeWeb))),
		"Go":      exec.CommandContext(t.Context(), build(t, goWeb)),
	} {
		t.Run(name, func(t *testing.T) {
			base := "http://" + freeAddress(t)
			output := &lockedBuffer{}
			cmd.Env = append(os.Environ(), "SIGNET_ISSUER="+w.URL, "CLIENT_ID=office", "CLIENT_SECRET="+w.secret, "BASE_URL="+base, "API_URL="+w.api)
			cmd.Stdout, cmd.Stderr = output, output
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				if t.Failed() {
					t.Logf("the application says:\n%s", output)
				}
			})
			useWebApp(t, w, base)
		})
	}
}

// useWebApp is a person at a server-rendered application.
func useWebApp(t *testing.T, w guideWorld, base string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	// The jar tells no ports apart, so the application and the issuer have one each.
	site := &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: apptest.HTTP.CheckRedirect}
	request := func(method, address string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequest(method, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := site.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	eventually(t, "the application", func() bool {
		res, err := http.Get(base)
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil
	})

	request(http.MethodGet, base+"//") // no URL parser takes this path; the application lives on

	person := w.Browser(t)
	start, _ := request(http.MethodGet, base+"/login")
	page := person.SignIn(person.Get(start.Header.Get("Location")), erin, erinPassword)
	if page.Away == nil {
		t.Fatalf("the person was not sent back: %s", page.Body)
	}
	planted := jar.Cookies(page.Away)
	if back, body := request(http.MethodGet, page.Away.String()); back.Header.Get("Location") != "/" {
		t.Fatalf("after signing in: %d %s", back.StatusCode, body)
	}
	if now := jar.Cookies(page.Away); len(now) != 1 || now[0].Value == planted[0].Value {
		t.Error("the session key is the same before and after signing in")
	}
	if _, body := request(http.MethodGet, base); body != "Signed in as Erin of acme" {
		t.Errorf("the application says %q", body)
	}
	before := metric(t, w.App, `signet_refresh_total{result="rotated"}`)
	for range 3 { // each with a refresh
		if res, body := request(http.MethodGet, base+"/orders"); res.StatusCode != http.StatusOK || !strings.Contains(body, `"orders"`) {
			t.Fatalf("the API: %d %s", res.StatusCode, body)
		}
	}
	if n := metric(t, w.App, `signet_refresh_total{result="rotated"}`) - before; n != 3 {
		t.Errorf("%v refreshes for three calls", n)
	}
	leave, _ := request(http.MethodPost, base+"/logout")
	if out := person.Get(leave.Header.Get("Location")); out.Away == nil || out.Away.String() != base+"/" {
		t.Errorf("after signing out the person is at %v %v", out.URL, out.Away)
	}
	if _, body := request(http.MethodGet, base); body != "Not signed in" {
		t.Errorf("after signing out the application says %q", body)
	}
	if res, _ := request(http.MethodGet, base+"/orders"); res.Header.Get("Location") != "/login" {
		t.Errorf("orders after signing out: %d", res.StatusCode)
	}
	// Another person's answer, or one that nobody asked for, signs nobody in.
	if res, _ := request(http.MethodGet, base+"/callback?code=x&state=y&iss="+url.QueryEscape(w.URL)); res.Header.Get("Location") == "/" {
		t.Error("an answer to no question was accepted")
	}
}

// build compiles a command of test/guides.
func build(t *testing.T, file string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./"+filepath.ToSlash(filepath.Dir(file)))
	cmd.Dir = nodetest.Root(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", file, err, out)
	}
	return path
}

func TestGuideForNativeApplications(t *testing.T) {
	t.Parallel()
	w := startGuide(t, "https://shop.acme.example")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, build(t, goNative))
	cmd.Env = append(os.Environ(), "SIGNET_ISSUER="+w.URL, "CLIENT_ID=desk")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := &lockedBuffer{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(stdout)
	line, err := said.ReadString('\n')
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	person := w.Browser(t)
	page := person.SignIn(person.Get(strings.TrimSpace(strings.TrimPrefix(line, "Open "))), erin, erinPassword)
	page.Code(t)
	forged := *page.Away
	forged.RawQuery = url.Values{"code": {"attacker"}, "state": {"guessed"}, "iss": {w.URL}}.Encode()
	for _, answer := range []struct {
		address string
		status  int
	}{{forged.String(), http.StatusNotFound}, {page.Away.String(), http.StatusOK}} {
		req, err := http.NewRequest(http.MethodGet, answer.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := apptest.Do(t, req); got.Status != answer.status {
			t.Errorf("%s: %d %s", answer.address, got.Status, got.Raw)
		}
	}
	rest, err := io.ReadAll(said)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	if !strings.HasPrefix(string(rest), "Signed in as Erin of acme\nRenewed until ") {
		t.Errorf("the application says %q", rest)
	}
}

// spaPage is a page around the guide's module; an application would bundle the library.
const spaPage = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script type="importmap">{"imports": {
  "openid-client": "/node_modules/openid-client/build/index.js",
  "oauth4webapi": "/node_modules/oauth4webapi/build/index.js",
  "jose/jwe/compact/decrypt": "/node_modules/jose/dist/webapi/jwe/compact/decrypt.js",
  "jose/errors": "/node_modules/jose/dist/webapi/util/errors.js"
}}</script>
<script type="module">
  import { connect, SignedOut } from '/spa.mjs';
  const settings = await (await fetch('/settings')).json();
  window.auth = await connect(settings);
  window.SignedOut = SignedOut;
  if (location.pathname === '/callback') await window.auth.finishSignIn();
  window.ready = true;
</script><p>shop`

func TestGuideForSinglePageApplications(t *testing.T) {
	t.Parallel()
	node := nodetest.Find(t)
	site := httptest.NewUnstartedServer(nil)
	shop := "http://" + strings.Replace(site.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	w := startGuide(t, shop)
	mux := http.NewServeMux()
	page := func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(rw, spaPage)
	}
	mux.HandleFunc("GET /{$}", page)
	mux.HandleFunc("GET /callback", page)
	mux.HandleFunc("GET /settings", func(rw http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(rw).Encode(map[string]string{
			"issuer": w.URL, "clientId": "shop", "redirectUri": shop + "/callback", "homeUri": shop + "/", "audience": apptest.Orders,
		})
	})
	mux.HandleFunc("GET /spa.mjs", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/javascript")
		http.ServeFile(rw, r, filepath.Join(nodetest.Root(t), filepath.FromSlash(spaModule)))
	})
	mux.Handle("GET /node_modules/", http.FileServer(http.Dir(node.Dir)))
	site.Config.Handler = mux
	site.Start()
	t.Cleanup(site.Close)

	chromium := browsertest.Start(t)
	one := browsertest.Open(t, chromium, false)
	one.Go(shop)
	one.Until(`window.ready`)
	one.Eval(`auth.signIn({ organization: 'acme' })`)
	one.Type("#email", erin)
	one.Type("#password", erinPassword)
	one.Click(".main-action")
	one.Until(`location.origin === '` + shop + `' && window.ready`)
	if got := one.Eval(`auth.person().tenant + location.search`); got != "acme" {
		t.Errorf("signed in, the page knows %q", got)
	}
	// Each call refreshes first; the service accepts what it gets.
	orders := func(tab *browsertest.Tab) {
		tab.Eval(`(window.status = '', auth.accessToken()
			.then((token) => fetch('` + w.api + `/orders', { headers: { Authorization: 'Bearer ' + token } }))
			.then((r) => { window.status = r.status }, (e) => { window.status = e instanceof SignedOut ? 'signed out' : String(e) }))`)
	}
	two := browsertest.Open(t, chromium, false)
	two.Go(shop)
	two.Until(`window.ready`)
	for range 3 {
		orders(one)
		orders(two)
		for _, tab := range []*browsertest.Tab{one, two} {
			if got := tab.Until(`window.status`); got != "200" {
				t.Fatalf("orders: %s", got)
			}
		}
	}
	// One tab's storage may lag behind the other's: then the server answers as to a retry.
	n := metric(t, w.App, `signet_refresh_total{result="rotated"}`) + metric(t, w.App, `signet_refresh_total{result="retried"}`)
	if n < 6 {
		t.Errorf("%v refreshes for six calls", n)
	}
	one.Eval(`auth.signOut()`)
	one.Until(`location.href === '` + shop + `/' && window.ready`)
	orders(two)
	if got := two.Until(`window.status`); got != "signed out" {
		t.Errorf("the other tab, after signing out: %s", got)
	}
}
