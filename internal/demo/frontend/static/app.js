// The application: what is on the screen, and the calls to the orders service.

import { Auth, AuthError, SignedOut } from "/auth.js";

const config = await (await fetch("/config.json")).json();
const auth = new Auth(config);
const $ = (id) => document.getElementById(id);
const money = (o) => new Intl.NumberFormat(undefined, { style: "currency", currency: o.currency }).format(o.cents / 100);
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** Makes an element; children are texts or elements, never markup. */
function element(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  e.append(...children);
  return e;
}

function show(id, text) {
  $(id).textContent = text;
  $(id).hidden = !text;
}

function say(text) {
  show("problem", "");
  show("notice", text);
}

function complain(text) {
  show("notice", "");
  show("problem", text);
}

function screen(name) {
  for (const id of ["loading", "signed-out", "signed-in"]) $(id).hidden = id !== name;
  $("me").hidden = name !== "signed-in";
}

function initials(name) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [[...words[0]][0], [...words.at(-1)][0]] : [...name].slice(0, 1);
  return letters.join("\u200c"); // a non-joiner: letters of a cursive script stay apart
}

function organizationName(slug) {
  return config.organizations.find((o) => o.slug === slug)?.name ?? slug;
}

function chips(id, values, none) {
  const list = values.length ? values.map((v) => element("span", { class: "chip" }, v)) : [none];
  $(id).replaceChildren(...list);
}

/** Shows who is signed in; everything here comes from the two tokens. */
function renderPerson() {
  const person = auth.person;
  const access = auth.accessClaims;
  if (!person || !access) return;
  const name = person.name || person.email || person.sub;
  $("avatar").textContent = initials(name);
  $("user-name").textContent = name;
  $("tenant-name").textContent = organizationName(person.tenant);
  $("tenant").textContent = organizationName(person.tenant);
  $("tenant").dataset.slug = person.tenant;
  $("user-email").textContent = person.email ?? "";
  chips("roles", access.roles ?? [], "none");
  chips("permissions", access.permissions ?? [], "none");
  $("access-claims").textContent = JSON.stringify(access, null, 2);
  $("id-claims").textContent = JSON.stringify(person, null, 2);
  $("refresh-count").textContent = String(auth.refreshCount);
  const others = config.organizations.filter((o) => o.slug !== person.tenant);
  $("switch-organization").replaceChildren(...others.map((o) => element("option", { value: o.slug }, o.name)));
  show("lacks", may("orders:write") ? "" : "Your roles here do not include orders:write. Try anyway: the service refuses, not this page.");
  renderExpiry();
}

function renderExpiry() {
  const seconds = Math.round((auth.expiresAt - Date.now()) / 1000);
  const minutes = Math.floor(seconds / 60);
  $("expiry").textContent =
    seconds <= 0 ? "expired, renewed at the next call"
      : minutes ? `good for ${minutes} min ${String(seconds % 60).padStart(2, "0")} s`
        : `good for ${seconds} s`;
}

function may(permission) {
  return (auth.accessClaims?.permissions ?? []).includes(permission);
}

/** Calls the orders service; a token that it refuses is renewed once. */
async function call(path, options = {}, again = true) {
  const token = await auth.accessToken();
  let response;
  try {
    response = await fetch(config.orders + path, {
      ...options,
      credentials: "omit",
      headers: { ...options.headers, Authorization: `Bearer ${token}` },
    });
  } catch {
    throw new AuthError("network", "The orders service cannot be reached. Is signet dev still running?");
  }
  if (response.status === 401 && again) {
    await auth.refresh();
    return call(path, options, false);
  }
  const body = await response.json().catch(() => ({}));
  if (response.status === 403 && body.scope) {
    const roles = (auth.accessClaims?.roles ?? []).join(", ") || "no role";
    throw new AuthError("forbidden", `The orders service refused: this needs ${body.scope}, and as ${roles} of ${organizationName(auth.person.tenant)} you do not have it.`);
  }
  if (!response.ok) throw new AuthError(body.error, body.error_description ?? `The orders service answered with status ${response.status}.`);
  return body;
}

async function loadOrders() {
  const { orders } = await call("/orders");
  $("orders").replaceChildren(...orders.map(orderRow));
}

function orderRow(o) {
  const paid = o.status === "paid";
  const refund = element("button", { type: "button", class: "quiet small", "data-testid": "refund", "aria-label": `Refund order ${o.id}` }, "Refund");
  refund.addEventListener("click", () => act(refund, async () => {
    await call(`/orders/${encodeURIComponent(o.id)}/refund`, { method: "POST" });
    await loadOrders();
    $("reload").focus(); // the button that had the focus is gone
    say(`Order ${o.id} has been refunded.`);
  }));
  return element("tr", { "data-testid": "order", "data-id": o.id },
    element("td", {},
      element("bdi", { class: "strong" }, o.customer),
      element("span", { class: "sub" }, element("bdi", {}, o.item),
        " · ", element("span", { class: "whole" }, o.id), " · ", element("span", { class: "whole" }, day.format(new Date(o.created_at))))),
    element("td", { class: "amount" },
      element("span", { class: "strong" }, money(o)),
      element("span", { class: paid ? "pill" : "pill off", "data-testid": "status" }, paid ? "Paid" : "Refunded")),
    element("td", { class: "actions" }, ...(paid ? [refund] : [])));
}

/** Runs what a control does, once at a time, and shows what went wrong. */
async function act(control, work) {
  if (control.getAttribute("aria-busy") === "true") return;
  control.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (e) {
    if (e instanceof SignedOut) screen("signed-out");
    report(e);
  } finally {
    control.removeAttribute("aria-busy");
  }
}

function onSubmit(form, work) {
  $(form).addEventListener("submit", (event) => {
    event.preventDefault();
    act(event.submitter ?? $(form), work);
  });
}

function wire() {
  for (const o of config.organizations) $("organization").append(element("option", { value: o.slug }, o.name));
  onSubmit("sign-in-form", () => auth.signIn({ organization: $("organization").value }));
  onSubmit("switch-form", () => auth.signIn({ organization: $("switch-organization").value, loginHint: auth.person?.email }));
  onSubmit("new-order", async () => {
    const cents = Math.round(Number($("price").value.replace(",", ".")) * 100);
    const order = await call("/orders", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ customer: $("customer").value, item: $("item").value, cents }),
    });
    $("new-order").reset();
    await loadOrders();
    say(`Order ${order.id} has been created.`);
  });
  $("sign-out").addEventListener("click", (e) => act(e.currentTarget, () => auth.signOut()));
  $("reload").addEventListener("click", (e) => act(e.currentTarget, async () => {
    await loadOrders();
    say("The list is up to date.");
  }));
  $("refresh").addEventListener("click", (e) => act(e.currentTarget, async () => {
    await auth.refresh();
    say("New tokens. The old refresh token is spent.");
  }));
  auth.onChange(({ kind, by }) => {
    if (kind === "signed-out") {
      screen("signed-out");
      say("You signed out in another tab.");
      return;
    }
    renderPerson();
    $("refresh-by").textContent = auth.refreshCount ? `, last by ${by}` : "";
    if (by !== "this tab" && !$("signed-out").hidden) start(); // somebody signed in there
  });
  setInterval(renderExpiry, 1000);
}

/** Shows what went wrong; a failure that this page did not foresee goes to the console too. */
function report(e) {
  if (!(e instanceof AuthError)) console.error(e);
  complain(e instanceof AuthError ? e.message : "Something went wrong in this page. Reload it.");
}

/** Finishes the sign-in that the address bar holds the answer to. */
async function finishSignIn() {
  const query = new URLSearchParams(location.search);
  history.replaceState(null, "", "/"); // the code leaves the address bar and the history
  await auth.completeSignIn(query);
}

/** Picks up the session of this browser, or asks to sign in. */
async function start() {
  if (!auth.signedIn) {
    screen("signed-out");
    return;
  }
  try {
    await auth.accessToken();
    renderPerson();
    screen("signed-in");
    await loadOrders();
  } catch (e) {
    if (!auth.accessClaims) screen("signed-out");
    report(e);
  }
}

wire();
let refused;
if (location.pathname === "/callback") await finishSignIn().catch((e) => { refused = e; });
await start();
if (refused) report(refused); // an earlier session, if there is one, goes on
