// Judges access tokens (RFC 9068 §4) and answers in the words of RFC 6750. It needs npm's jose
// and nothing else; copy it into your service.

import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

/**
 * What an access token of Signet says.
 * @typedef {import('jose').JWTPayload & {
 *   client_id: string, scope?: string, sid?: string, grant_id?: string,
 *   tenant_id?: string, tenant?: string, roles?: string[],
 *   permissions?: string[], permissions_omitted?: boolean,
 * }} AccessToken
 */

const SECOND = 1000;
const DAY = 86_400 * SECOND;

// These say that the token is bad. Anything else that jose throws is about the keys: not the caller's fault.
const badToken = [
  errors.JOSEAlgNotAllowed, errors.JOSENotSupported, errors.JWSInvalid, errors.JWSSignatureVerificationFailed,
  errors.JWTInvalid, errors.JWTExpired, errors.JWTClaimValidationFailed,
  errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys,
];

export class Refusal extends Error {
  /** @param {number} status @param {string} [code] @param {string} [message] @param {string} [scope] */
  constructor(status, code, message = 'Send an access token: Authorization: Bearer …', scope) {
    super(message);
    this.status = status;
    this.code = code;
    this.scope = scope;
  }
}

/** @param {{ issuer: string, audience: string, algorithms?: string[] }} settings */
export function accessTokens({ issuer, audience, algorithms = ['ES256'] }) {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), {
    // The issuer allows its keys to be used for a day when it cannot be asked (stale-if-error). jose knows one
    // age only, so it gets this one, and the timer below keeps the keys as fresh as max-age asks for.
    cacheMaxAge: DAY,
    cooldownDuration: 30 * SECOND, // for unknown key ids: at most one request in this time
    timeoutDuration: 5 * SECOND,
  });
  const refresh = () => keys.reload().catch((e) => console.error('The keys of %s cannot be fetched: %s', issuer, e.message));
  refresh(); // nobody waits for it: the service starts while the issuer is down
  setInterval(refresh, 240 * SECOND).unref(); // 80 % of max-age

  const options = {
    issuer, // compared character by character
    audience, // this service's own name: a token for another service is refused
    typ: 'at+jwt', // so an ID token is refused
    algorithms, // what Signet signs this service's tokens with: the token has no say in it
    requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'jti'], // without this, jose accepts a token that never ends
    clockTolerance: 30, // seconds
  };

  /** @param {string} token @returns {Promise<AccessToken>} */
  async function verify(token) {
    try {
      const { payload } = await jwtVerify(token, keys, options);
      return /** @type {AccessToken} */ (payload);
    } catch (e) {
      if (badToken.some((kind) => e instanceof kind)) {
        throw new Refusal(401, 'invalid_token', 'The access token is not valid here.');
      }
      console.error('Tokens cannot be verified:', e);
      throw new Refusal(503, 'temporarily_unavailable', 'Tokens cannot be verified right now.');
    }
  }

  /**
   * The claims of a request that may go on; throws a Refusal otherwise.
   * @param {import('node:http').IncomingMessage} request
   * @param {{ permission?: string, tenant?: string }} rules tenant is the slug that the address names, if it does
   */
  async function authorize(request, { permission, tenant } = {}) {
    const claims = await verify(bearer(request));
    if (permission && !allows(claims, permission)) {
      throw new Refusal(403, 'insufficient_scope', `This needs the permission ${permission}.`, permission);
    }
    if (!claims.tenant || (tenant !== undefined && claims.tenant !== tenant)) {
      throw new Refusal(403, 'insufficient_scope', 'The token is not for this organization.');
    }
    return claims;
  }

  /** Answers a Refusal (RFC 6750 §3). @param {import('node:http').ServerResponse} response @param {Refusal} refusal */
  function refuse(response, { status, code, message, scope }) {
    /** @type {Record<string, string>} */
    const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
    if (status === 503) {
      headers['Retry-After'] = '30'; // no challenge: another token would not help
    } else {
      // Without a token there is no error to name (RFC 6750 §3.1).
      headers['WWW-Authenticate'] = `Bearer realm="${audience}"` +
        (code ? `, error="${code}", error_description="${message}"` : '') + (scope ? `, scope="${scope}"` : '');
    }
    response.writeHead(status, headers).end(JSON.stringify({ error: code ?? 'unauthorized', error_description: message }));
  }

  return { authorize, refuse, verify, ready: () => keys.fresh };
}

/**
 * The token of a request: from the Authorization header, once, and from nowhere else (RFC 6750 §2).
 * @param {import('node:http').IncomingMessage} request
 */
function bearer(request) {
  const values = request.headersDistinct.authorization ?? []; // request.headers hides a second one
  if (values.length > 1) throw new Refusal(400, 'invalid_request', 'Send one Authorization header.');
  if (!/^bearer( |$)/i.test(values[0] ?? '')) throw new Refusal(401);
  const token = /^bearer +([\w~+/.-]+=*)$/i.exec(values[0])?.[1];
  if (!token) throw new Refusal(400, 'invalid_request', 'Write the header as: Authorization: Bearer TOKEN');
  return token;
}

/**
 * Whether the client was given the scope and, for a person, the person also holds the permission in this tenant.
 * @param {AccessToken} claims @param {string} permission
 */
export function allows(claims, permission) {
  const machine = claims.sub === claims.client_id;
  return (claims.scope ?? '').split(' ').includes(permission) && (machine || (claims.permissions ?? []).includes(permission));
}
