// openid-client, a certified OpenID Connect client, unmodified, against a running Signet.
// Started by TestNodeClient in ../e2e, which passes what it needs by environment.

import assert from 'node:assert/strict';
import test from 'node:test';
import * as client from 'openid-client';
import { Person } from './person.mjs';

const env = (name) => process.env[name] ?? assert.fail(`${name} is not set; run this through the Go test TestNodeClient`);
const issuer = new URL(env('SIGNET_ISSUER'));
const secret = env('CLIENT_SECRET');
const redirect_uri = env('REDIRECT_URI');
const post_logout_redirect_uri = env('POST_LOGOUT_REDIRECT_URI');
const resource = env('RESOURCE');
const [email, password] = [env('EMAIL'), env('PASSWORD')];

// The library's own switch for development: a plain http issuer on loopback.
const discover = (id, metadata, authentication) =>
  client.discovery(issuer, id, metadata, authentication, { execute: [client.allowInsecureRequests] });

// signIn completes the authorization code flow with everything that the library checks:
// state, nonce, PKCE, the iss of the answer (RFC 9207) and the ID token.
async function signIn(config, parameters = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  const start = client.buildAuthorizationUrl(config, {
    redirect_uri,
    scope: 'openid profile email offline_access orders:read',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    organization: 'acme',
    ...parameters,
  });
  const person = new Person(issuer);
  const { url: answer } = await person.signIn(start, email, password);
  assert.ok(answer.href.startsWith(redirect_uri), `the person ended at ${answer}`);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  return { person, answer, checks, tokens: await client.authorizationCodeGrant(config, answer, checks) };
}

const rejects = (promise, error) =>
  assert.rejects(promise, (e) => {
    assert.equal(e.error, error, `${e.name}: ${e.message}`);
    return true;
  });

test('discovery announces what the library relies on', async () => {
  const metadata = (await discover('spa')).serverMetadata();
  assert.equal(metadata.issuer, issuer.href.replace(/\/$/, ''));
  assert.equal(metadata.authorization_response_iss_parameter_supported, true);
  assert.ok(metadata.supportsPKCE(), 'PKCE with S256');
  const oauth = await client.discovery(issuer, 'spa', undefined, undefined, {
    algorithm: 'oauth2',
    execute: [client.allowInsecureRequests],
  });
  assert.equal(oauth.serverMetadata().token_endpoint, metadata.token_endpoint);
});

for (const [kind, id, authentication] of [
  ['public', 'spa', client.None()],
  ['confidential (basic)', 'web', client.ClientSecretBasic(secret)],
  ['confidential (post)', 'post', client.ClientSecretPost(secret)],
  ['confidential (basic) with an id that needs encoding', 'legacy:id/with+odd chars', client.ClientSecretBasic(secret)],
]) {
  test(`a ${kind} client signs a person in, refreshes, reads userinfo and signs out`, async () => {
    const config = await discover(id, undefined, authentication);
    const { person, tokens } = await signIn(config);
    const claims = tokens.claims();
    assert.equal(tokens.token_type, 'bearer');
    assert.equal(claims.aud, id);
    assert.equal(claims.tenant, 'acme');

    const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
    assert.equal(info.email, email);

    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.notEqual(refreshed.refresh_token, tokens.refresh_token);
    assert.equal(refreshed.claims().sub, claims.sub);

    // A response that got lost: the same token, sent again soon, gives the same successor.
    const retried = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.equal(retried.refresh_token, refreshed.refresh_token);

    const leave = client.buildEndSessionUrl(config, {
      id_token_hint: refreshed.id_token,
      post_logout_redirect_uri,
      state: 'goodbye',
    });
    const { url } = await person.open(leave);
    assert.equal(url.href, `${post_logout_redirect_uri}?state=goodbye`);
  });
}

test('a spent code and an old refresh token are refused, and the family ends', async () => {
  const config = await discover('spa', undefined, client.None());
  const { answer, checks, tokens } = await signIn(config);
  const second = await client.refreshTokenGrant(config, tokens.refresh_token);
  const third = await client.refreshTokenGrant(config, second.refresh_token);
  await rejects(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant');
  await rejects(client.refreshTokenGrant(config, third.refresh_token), 'invalid_grant');
  await rejects(client.authorizationCodeGrant(config, answer, checks), 'invalid_grant');
});

test('the library refuses an answer whose iss was changed', async () => {
  const config = await discover('spa', undefined, client.None());
  const { answer, checks } = await signIn(config);
  answer.searchParams.set('iss', 'https://attacker.example');
  await assert.rejects(client.authorizationCodeGrant(config, answer, checks), (e) => /"iss"/.test(e.cause?.message));
});

test('a resource server introspects, and revocation ends a token', async () => {
  const config = await discover('web', undefined, client.ClientSecretBasic(secret));
  const service = await discover('api', undefined, client.ClientSecretBasic(secret));
  const { tokens } = await signIn(config, { resource });
  const before = await client.tokenIntrospection(service, tokens.access_token);
  assert.equal(before.active, true);
  assert.equal(before.client_id, 'web');
  assert.equal(before.sub, tokens.claims().sub);

  await client.tokenRevocation(config, tokens.refresh_token);
  assert.deepEqual(await client.tokenIntrospection(service, tokens.access_token), { active: false });
  await rejects(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant');
});

test('a machine gets a token for itself, and not more than it may have', async () => {
  const config = await discover('machine', undefined, client.ClientSecretBasic(secret));
  const tokens = await client.clientCredentialsGrant(config, { scope: 'orders:read', resource });
  assert.equal(tokens.scope, 'orders:read');
  assert.equal(tokens.refresh_token, undefined);
  await rejects(client.clientCredentialsGrant(config, { scope: 'openid' }), 'invalid_scope');
  await rejects(client.clientCredentialsGrant(config, { resource: 'https://elsewhere.example' }), 'invalid_target');
});

test('a person who says no, or asks for the wrong thing, comes back as the protocol says', async () => {
  const config = await discover('third', undefined, client.None());
  const code_challenge = await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier());
  const parameters = { redirect_uri, scope: 'openid', code_challenge, code_challenge_method: 'S256', organization: 'acme', state: 'some-state' };
  const person = new Person(issuer);
  const consent = await person.signIn(client.buildAuthorizationUrl(config, parameters), email, password);
  const { url: denied } = await person.submit(consent, '/consent', { decision: 'deny' });
  const checks = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: 'some-state' };
  await rejects(client.authorizationCodeGrant(config, denied, checks), 'access_denied');

  const silent = client.buildAuthorizationUrl(config, { ...parameters, prompt: 'none' });
  const { url: asked } = await new Person(issuer).open(silent);
  await rejects(client.authorizationCodeGrant(config, asked, checks), 'login_required');
});
