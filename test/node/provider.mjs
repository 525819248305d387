// An OpenID Provider that is none of ours, oidc-provider, in a process of its own: with the login
// and consent pages that it brings along, where any password will do, and with keys that are new
// at each start. Run by the Go tests in ../e2e. PROVIDER holds, as JSON:
//
//   port, issuer    where it listens, and what it is called
//   client          the metadata of its only client
//   people          a file, read at every sign-in: { login: { claim: value } }

import { readFileSync } from 'node:fs';

import * as jose from 'jose';
import Provider from 'oidc-provider';

const settings = JSON.parse(process.env.PROVIDER);

async function key(alg) {
  const { privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const jwk = await jose.exportJWK(privateKey);
  return { ...jwk, alg, use: 'sig', kid: await jose.calculateJwkThumbprint(jwk) };
}

const provider = new Provider(settings.issuer, {
  clients: [settings.client],
  jwks: { keys: [await key('RS256'), await key('ES256')] },
  cookies: { keys: ['for tests'] },
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name', 'given_name', 'family_name', 'preferred_username', 'picture', 'locale', 'groups'],
  },
  conformIdTokenClaims: false, // what scopes ask for is in the ID token
  pkce: { required: () => true, methods: ['S256'] },
  features: { backchannelLogout: { enabled: true } },
  findAccount(_, id) {
    const claims = JSON.parse(readFileSync(settings.people, 'utf8'))[id];
    return claims && { accountId: id, claims: () => ({ sub: id, ...claims }) };
  },
});

for (const event of ['server_error', 'grant.error', 'authorization.error', 'backchannel.error']) {
  provider.on(event, (_, error) => console.log(event, error));
}
provider.listen(settings.port, '127.0.0.1', () => console.log('listening'));
