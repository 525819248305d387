// Sign-in, tokens and sign-out of a single-page application (OAuth 2.0 for browser-based
// applications): authorization code with PKCE, no client secret, no cookie of our own.
//
// Where things are kept: the access token in this tab's memory; the refresh token and the ID
// token in localStorage, so that all tabs share one sign-in; what a sign-in in progress must
// remember in sessionStorage. Scripts of this origin can read all three, which is why the page's
// policy lets no other script run.

const STORE = "orders.session";
const LOCK = "orders.refresh";
const PENDING = "orders.pending.";

/** The server's or our own reason why somebody cannot be signed in; its text is for people. */
export class AuthError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The session is over: the person has to sign in again. */
export class SignedOut extends AuthError {
  constructor(message = "Your session has ended. Sign in again.") {
    super("signed_out", message);
  }
}

export class Auth {
  #config;
  #metadata;
  #tokens = null; // {accessToken, expiresAt}
  #channel = new BroadcastChannel("orders.auth");
  #listeners = new Set();

  constructor(config) {
    this.#config = config;
    this.#channel.onmessage = ({ data }) => this.#heard(data);
  }

  /** Calls back with what happened: "tokens" (renewed, `by` this or another tab) or "signed-out". */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** Whether somebody is signed in in this browser, as far as is known without asking. */
  get signedIn() {
    return read() !== null;
  }

  /** The claims about the person, for display: {sub, name, email, tenant, roles, …}. */
  get person() {
    const session = read();
    return session && claims(session.idToken);
  }

  get accessClaims() {
    return this.#tokens && claims(this.#tokens.accessToken);
  }

  get expiresAt() {
    return this.#tokens?.expiresAt ?? 0;
  }

  get refreshCount() {
    return read()?.refreshes ?? 0;
  }

  /** Leaves for the identity server. `organization` may name a tenant. */
  async signIn({ organization = "", loginHint = "" } = {}) {
    const { authorization_endpoint } = await this.#discover();
    const [verifier, state, nonce] = [random(), random(), random()];
    sessionStorage.setItem(PENDING + state, JSON.stringify({ verifier, nonce }));
    const query = new URLSearchParams({
      response_type: "code",
      client_id: this.#config.clientId,
      redirect_uri: this.#config.redirectUri,
      scope: "openid profile email orders:read orders:write orders:refund",
      resource: this.#config.audience,
      state,
      nonce,
      code_challenge: await sha256(verifier),
      code_challenge_method: "S256",
    });
    if (organization) query.set("organization", organization);
    if (loginHint) query.set("login_hint", loginHint);
    location.assign(`${authorization_endpoint}?${query}`);
  }

  /** Turns the answer in the address bar into tokens. */
  async completeSignIn(query) {
    const state = query.get("state") ?? "";
    const pending = JSON.parse(sessionStorage.getItem(PENDING + state) ?? "null");
    sessionStorage.removeItem(PENDING + state); // one answer for one question
    if (!pending) {
      throw new AuthError("state", "This sign-in was not started in this tab, or was used already. Sign in again.");
    }
    // An answer names who gave it, so that another server's cannot be slipped in (RFC 9207).
    if (query.get("iss") !== this.#config.issuer) {
      throw new AuthError("iss", "The answer came from another identity server and was refused.");
    }
    if (query.has("error")) {
      throw new AuthError(query.get("error"), explain(query.get("error"), query.get("error_description")));
    }
    const answer = await this.#token({
      grant_type: "authorization_code",
      code: query.get("code") ?? "",
      redirect_uri: this.#config.redirectUri,
      code_verifier: pending.verifier,
    });
    // It came straight from the token endpoint, which stands in for checking its signature
    // (OpenID Connect Core 1.0 §3.1.3.7, 6).
    const id = claims(answer.id_token);
    const audience = [id.aud].flat();
    if (id.iss !== this.#config.issuer || id.nonce !== pending.nonce ||
        !audience.includes(this.#config.clientId) || id.exp * 1000 < Date.now()) {
      throw new AuthError("id_token", "The ID token does not belong to this sign-in and was refused.");
    }
    this.#accept(answer, { idToken: answer.id_token, refreshes: 0 });
  }

  /** Returns an access token that is good for a while, renewing it if need be. */
  async accessToken() {
    if (!this.#tokens || this.#tokens.expiresAt - Date.now() < 20_000) await this.refresh();
    return this.#tokens.accessToken;
  }

  /**
   * Renews the tokens. A refresh token is good for one use, and all tabs share it: the lock
   * makes them take turns, and each reads the newest token once it is its turn. (Where a browser
   * has no locks, or a tab reads storage that lags behind another's, the server's retry window
   * lets the tabs that race all succeed.)
   */
  async refresh() {
    const turn = async () => {
      const session = read();
      if (!session) throw new SignedOut();
      try {
        const answer = await this.#token({ grant_type: "refresh_token", refresh_token: session.refreshToken });
        this.#accept(answer, { ...session, idToken: answer.id_token ?? session.idToken, refreshes: session.refreshes + 1 });
      } catch (e) {
        if (e.code !== "invalid_grant") throw e; // the network, say: the session may well be alive
        this.#forget();
        throw new SignedOut();
      }
    };
    return navigator.locks ? navigator.locks.request(LOCK, turn) : turn();
  }

  /** Ends the session here, in the other tabs and at the identity server. */
  async signOut() {
    const idToken = read()?.idToken;
    const { end_session_endpoint } = await this.#discover();
    this.#forget();
    const query = new URLSearchParams({ client_id: this.#config.clientId, post_logout_redirect_uri: this.#config.homeUri });
    if (idToken) query.set("id_token_hint", idToken);
    location.assign(`${end_session_endpoint}?${query}`);
  }

  #accept(answer, session) {
    const next = { ...session, refreshToken: answer.refresh_token ?? session.refreshToken };
    localStorage.setItem(STORE, JSON.stringify(next));
    this.#tokens = { accessToken: answer.access_token, expiresAt: Date.now() + answer.expires_in * 1000 };
    this.#channel.postMessage({ kind: "tokens", tokens: this.#tokens });
    this.#tell({ kind: "tokens", by: "this tab" });
  }

  #forget() {
    localStorage.removeItem(STORE);
    this.#tokens = null;
    this.#channel.postMessage({ kind: "signed-out" });
  }

  #heard(message) {
    this.#tokens = message.kind === "tokens" ? message.tokens : null;
    this.#tell({ kind: message.kind, by: "another tab" });
  }

  #tell(event) {
    for (const listener of this.#listeners) listener(event);
  }

  async #discover() {
    if (!this.#metadata) {
      const metadata = await json(await reach(this.#config.issuer + "/.well-known/openid-configuration"));
      if (metadata.issuer !== this.#config.issuer) {
        throw new AuthError("issuer", "The identity server does not call itself by the name this application knows.");
      }
      this.#metadata = metadata;
    }
    return this.#metadata;
  }

  async #token(parameters) {
    const { token_endpoint } = await this.#discover();
    const response = await reach(token_endpoint, {
      method: "POST",
      body: new URLSearchParams({ ...parameters, client_id: this.#config.clientId }),
    });
    const answer = await json(response);
    if (!response.ok) throw new AuthError(answer.error ?? "server_error", explain(answer.error, answer.error_description));
    return answer;
  }
}

function read() {
  try {
    const session = JSON.parse(localStorage.getItem(STORE) ?? "null");
    return session?.refreshToken && session.idToken ? session : null;
  } catch {
    return null;
  }
}

/** The claims of a JWT, for display only: who must rely on them verifies the signature. */
function claims(jwt) {
  const bytes = Uint8Array.from(atob(jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function sha256(text) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

async function reach(url, options = {}) {
  try {
    return await fetch(url, { ...options, credentials: "omit", referrerPolicy: "no-referrer" });
  } catch {
    throw new AuthError("network", "The identity server cannot be reached. Is signet dev still running?");
  }
}

async function json(response) {
  try {
    return await response.json();
  } catch {
    throw new AuthError("server_error", `The identity server answered with status ${response.status} and no explanation.`);
  }
}

function explain(code, description) {
  if (code === "access_denied") return "The sign-in was cancelled, or this organization is not yours.";
  return description || `The identity server refused: ${code}.`;
}
