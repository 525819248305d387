import { createServer } from 'node:http';
import { accessTokens, Refusal } from './access-token.mjs';

const { SIGNET_ISSUER, AUDIENCE, BASE_URL } = process.env;
const tokens = accessTokens({ issuer: SIGNET_ISSUER, audience: AUDIENCE });

// In production: a table whose first key is the tenant.
const orders = new Map();
const ordersOf = (tenant) => orders.get(tenant) ?? orders.set(tenant, []).get(tenant);

const reply = (response, status, body) =>
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(JSON.stringify(body));

// Every route says which permission it asks for. The tenant is the token's: nothing in the request chooses another.
const routes = {
  'GET /orders': async (request, response) => {
    const { tenant_id, tenant } = await tokens.authorize(request, { permission: 'orders:read' });
    reply(response, 200, { tenant, orders: ordersOf(tenant_id) });
  },
  'POST /orders': async (request, response) => {
    const { tenant_id, sub } = await tokens.authorize(request, { permission: 'orders:write' });
    const order = { id: crypto.randomUUID(), created_by: sub };
    ordersOf(tenant_id).push(order);
    reply(response, 201, order);
  },
  // Where the address names a tenant, it is compared with the token and never used in its place.
  'GET /t/{tenant}/orders': async (request, response, tenant) => {
    const { tenant_id } = await tokens.authorize(request, { permission: 'orders:read', tenant });
    reply(response, 200, { tenant, orders: ordersOf(tenant_id) });
  },
  'GET /readyz': async (request, response) => reply(response, tokens.ready() ? 200 : 503, { keys: tokens.ready() }),
};

const server = createServer(async (request, response) => {
  const [path] = request.url.split('?');
  const [, tenant, rest] = /^\/t\/([^/]+)(\/.*)$/.exec(path) ?? [];
  const handler = routes[`${request.method} ${tenant === undefined ? path : `/t/{tenant}${rest}`}`];
  if (!handler) return reply(response, 404, { error: 'not_found' });
  try {
    await handler(request, response, tenant);
  } catch (e) {
    if (e instanceof Refusal) return tokens.refuse(response, e);
    console.error(e);
    reply(response, 500, { error: 'server_error' });
  }
});
server.listen(new URL(BASE_URL).port, new URL(BASE_URL).hostname);
