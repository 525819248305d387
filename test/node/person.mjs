// A person with a browser that runs no scripts: keeps cookies, follows redirects within the
// issuer, and fills in the hosted forms. Good for any page that works as a plain form.

export class Person {
  #issuer;
  #cookies = new Map();

  constructor(issuer) {
    this.#issuer = new URL(issuer);
  }

  // open follows address to a page of the issuer, or to the first address outside of it.
  // It resolves to { url, html, status }; html is undefined outside.
  async open(address, form) {
    let url = new URL(address);
    let init = form && {
      method: 'POST',
      body: new URLSearchParams(form),
      headers: { origin: this.#issuer.origin, 'sec-fetch-site': 'same-origin' },
    };
    for (let hops = 0; hops < 10; hops++) {
      if (url.origin !== this.#issuer.origin) return { url };
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, {
        ...init,
        redirect: 'manual',
        headers: { accept: 'text/html', ...init?.headers, ...(cookie && { cookie }) },
      });
      for (const line of response.headers.getSetCookie()) this.#keep(line);
      const location = response.headers.get('location');
      if (!location) return { url, status: response.status, html: await response.text() };
      await response.body?.cancel();
      url = new URL(location, url);
      init = undefined; // a 303 is followed by a GET
    }
    throw new Error(`the issuer redirects in circles at ${url}`);
  }

  #keep(line) {
    const [pair, ...attributes] = line.split(';');
    const at = pair.indexOf('=');
    const name = pair.slice(0, at).trim();
    if (attributes.some((a) => /^\s*max-age=(0|-\d+)\s*$/i.test(a))) this.#cookies.delete(name);
    else this.#cookies.set(name, pair.slice(at + 1).trim());
  }

  // submit fills in the page's form whose action ends in the suffix.
  submit(page, suffix, values) {
    const form = forms(page).find((f) => f.action.pathname.endsWith(suffix));
    if (!form) throw new Error(`no form …${suffix} on ${page.url} (status ${page.status}):\n${page.html}`);
    return this.open(form.action, { ...form.hidden, ...values });
  }

  async signIn(address, email, password) {
    return this.submit(await this.open(address), '/login', { email, password });
  }
}

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', '#34': '"', '#39': "'", '#43': '+' };
const unescape = (s) => s.replace(/&(\w+|#\d+);/g, (whole, name) => entities[name] ?? whole);
const attribute = (tag, name) => unescape(new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? '');

function forms(page) {
  return [...(page.html ?? '').matchAll(/(<form[^>]*>)([\s\S]*?)<\/form>/g)].map(([, open, inside]) => ({
    action: new URL(attribute(open, 'action'), page.url),
    hidden: Object.fromEntries(
      [...inside.matchAll(/<input type="hidden"[^>]*>/g)].map(([tag]) => [attribute(tag, 'name'), attribute(tag, 'value')]),
    ),
  }));
}
