import * as client from 'openid-client';

const SCOPE = 'openid profile email orders:read orders:write';
const SESSION = 'shop.session'; // localStorage: what all tabs share
const PENDING = 'shop.pending.'; // sessionStorage: a sign-in in progress, of this tab

export class SignedOut extends Error {}

export async function connect({ issuer, clientId, redirectUri, homeUri, audience }) {
  const config = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
    // Plain http is for an issuer on your own machine only.
    execute: issuer.startsWith('http://') ? [client.allowInsecureRequests] : [],
  });
  let access; // { token, expiresAt }: in the memory of this tab, nowhere else

  const session = () => JSON.parse(localStorage.getItem(SESSION) ?? 'null');

  function accept(tokens) {
    access = { token: tokens.access_token, expiresAt: Date.now() + tokens.expires_in * 1000 };
    localStorage.setItem(SESSION, JSON.stringify({
      refreshToken: tokens.refresh_token,
      idToken: tokens.id_token ?? session()?.idToken,
      person: tokens.claims() ?? session()?.person,
    }));
  }

  function forget() {
    access = undefined;
    localStorage.removeItem(SESSION);
  }

  // Another tab signed out: so did this one.
  addEventListener('storage', (e) => {
    if (e.key === SESSION && !e.newValue) access = undefined;
  });

  // A refresh token is good for one use and all tabs share it: they take turns, and each reads
  // the newest one when it is its turn.
  const refresh = () => navigator.locks.request('shop.refresh', async () => {
    if (!session()) throw new SignedOut();
    try {
      accept(await client.refreshTokenGrant(config, session().refreshToken));
    } catch (e) {
      if (e.error !== 'invalid_grant') throw e; // the network, say: the session may well be alive
      forget();
      throw new SignedOut();
    }
  });

  return {
    person: () => session()?.person, // { sub, name, email, tenant, roles, … } or undefined

    // Leaves for the hosted sign-in. organization is the slug of a tenant, if you know it.
    async signIn({ organization } = {}) {
      const state = client.randomState();
      const pending = { verifier: client.randomPKCECodeVerifier(), nonce: client.randomNonce() };
      sessionStorage.setItem(PENDING + state, JSON.stringify(pending));
      location.assign(client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: SCOPE,
        resource: audience,
        state,
        nonce: pending.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
        code_challenge_method: 'S256',
        ...(organization && { organization }),
      }));
    },

    // Call this on the page of the redirect URI. It throws when the person said no.
    async finishSignIn() {
      const answer = new URL(location.href);
      history.replaceState(null, '', '/'); // the code leaves the address bar and the history
      const state = answer.searchParams.get('state') ?? '';
      const pending = JSON.parse(sessionStorage.getItem(PENDING + state) ?? 'null');
      sessionStorage.removeItem(PENDING + state);
      if (!pending) throw new Error('This sign-in was not started in this tab.');
      accept(await client.authorizationCodeGrant(config, answer, {
        pkceCodeVerifier: pending.verifier,
        expectedNonce: pending.nonce,
        expectedState: state,
      }));
    },

    // A token for the API that is good for a while. Throws SignedOut: show the sign-in button.
    async accessToken() {
      if (!access || access.expiresAt - Date.now() < 60_000) await refresh();
      return access.token;
    },

    signOut() {
      const id_token_hint = session()?.idToken;
      forget();
      location.assign(client.buildEndSessionUrl(config, {
        post_logout_redirect_uri: homeUri,
        ...(id_token_hint && { id_token_hint }),
      }));
    },
  };
}
