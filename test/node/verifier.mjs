// A service that verifies access tokens with jose, as its documentation shows: a remote key set with the
// defaults, and jwtVerify. The live run of ../../bench starts it, hands it tokens and reads verdicts, a
// line of JSON each.

import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const { version } = JSON.parse(readFileSync(new URL('node_modules/jose/package.json', import.meta.url)));
const keys = createRemoteJWKSet(new URL(process.env.JWKS_URL));
say({ version });

for await (const line of createInterface({ input: process.stdin })) {
  const { id, token, audience } = JSON.parse(line);
  jwtVerify(token, keys, { issuer: process.env.ISSUER, audience, typ: 'at+jwt' }).then(
    () => say({ id }),
    (e) => say({ id, error: `${e.code ?? e.name}: ${e.message}` }),
  );
}
