import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import * as client from 'openid-client';

const { SIGNET_ISSUER, CLIENT_ID, CLIENT_SECRET, BASE_URL, API_URL } = process.env;
const secure = BASE_URL.startsWith('https://');

const config = await client.discovery(new URL(SIGNET_ISSUER), CLIENT_ID, undefined, client.ClientSecretBasic(CLIENT_SECRET), {
  execute: SIGNET_ISSUER.startsWith('http://') ? [client.allowInsecureRequests] : [],
});

// In production: a table with an expiry. Browsers get its random key, never a token.
const sessions = new Map();
const cookieName = secure ? '__Host-session' : 'session';

function begin(response, content) {
  const key = randomBytes(32).toString('base64url');
  sessions.set(key, content);
  response.setHeader('Set-Cookie', `${cookieName}=${key}; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`);
}

function current(request) {
  const pair = (request.headers.cookie ?? '').split('; ').find((c) => c.startsWith(`${cookieName}=`));
  const key = pair?.slice(cookieName.length + 1);
  return { key, session: sessions.get(key) };
}

const redirect = (response, to) => response.writeHead(303, { Location: to }).end();

async function login(request, response) {
  const pending = { verifier: client.randomPKCECodeVerifier(), state: client.randomState(), nonce: client.randomNonce() };
  begin(response, { pending });
  redirect(response, client.buildAuthorizationUrl(config, {
    redirect_uri: `${BASE_URL}/callback`,
    scope: 'openid profile email offline_access orders:read',
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: 'S256',
  }).href);
}

async function callback(request, response) {
  const { key, session } = current(request);
  if (!session?.pending) return redirect(response, '/login');
  sessions.delete(key); // a new key after signing in, so that a planted one is worthless
  const tokens = await client.authorizationCodeGrant(config, new URL(request.url, BASE_URL), {
    pkceCodeVerifier: session.pending.verifier,
    expectedState: session.pending.state,
    expectedNonce: session.pending.nonce,
  });
  begin(response, { person: tokens.claims(), idToken: tokens.id_token, tokens, expiresAt: expiry(tokens) });
  redirect(response, '/');
}

const expiry = (tokens) => Date.now() + tokens.expires_in * 1000;

// Parallel requests of one session share one refresh.
async function accessToken(session) {
  if (session.expiresAt - Date.now() > 60_000) return session.tokens.access_token;
  session.refreshing ??= client.refreshTokenGrant(config, session.tokens.refresh_token).then((tokens) => {
    Object.assign(session, { tokens, expiresAt: expiry(tokens), idToken: tokens.id_token ?? session.idToken });
  }).finally(() => { session.refreshing = undefined; });
  await session.refreshing;
  return session.tokens.access_token;
}

async function orders(request, response) {
  const { key, session } = current(request);
  if (!session?.person) return redirect(response, '/login');
  let token;
  try {
    token = await accessToken(session);
  } catch (e) {
    if (e.error !== 'invalid_grant') throw e;
    sessions.delete(key); // signed out, suspended or expired: start again
    return redirect(response, '/login');
  }
  const answer = await fetch(`${API_URL}/orders`, { headers: { Authorization: `Bearer ${token}` } });
  response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(await answer.text());
}

function logout(request, response) {
  const { key, session } = current(request);
  sessions.delete(key);
  redirect(response, client.buildEndSessionUrl(config, {
    post_logout_redirect_uri: `${BASE_URL}/`,
    ...(session?.idToken && { id_token_hint: session.idToken }),
  }).href);
}

function home(request, response) {
  const { session } = current(request);
  const { person } = session ?? {};
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(person ? `Signed in as ${person.name} of ${person.tenant}` : 'Not signed in');
}

const routes = {
  'GET /': home,
  'GET /login': login,
  'GET /callback': callback,
  'GET /orders': orders,
  'POST /logout': logout,
};

const server = createServer(async (request, response) => {
  const [path] = request.url.split('?'); // not new URL(), which throws on //
  const handler = routes[`${request.method} ${path}`];
  if (!handler) return response.writeHead(404).end();
  // A browser says so when another site sends the form (cross-site request forgery).
  const site = request.headers['sec-fetch-site'];
  if (request.method === 'POST' && site && site !== 'same-origin') return response.writeHead(403).end();
  try {
    await handler(request, response);
  } catch (e) {
    console.error(e);
    response.writeHead(502, { 'Content-Type': 'text/plain; charset=utf-8' }).end('Signing in failed. Try again.');
  }
});
server.listen(new URL(BASE_URL).port, new URL(BASE_URL).hostname);
