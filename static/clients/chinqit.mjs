// Client of Chinqit Gateway 0.1.0, for Node 18 and newer, Deno, Bun and edge functions. It needs nothing but fetch;
// its types stand in chinqit.d.mts. Never put a key into a web page: its visitors can read it.
//
//   import { Chinqit, ChinqitError } from "./chinqit.mjs";
//
//   const gateway = new Chinqit("https://sms.example.mr", process.env.CHINQIT_KEY);
//   await gateway.sendMessage({ phoneNumber: "+22238089336", message: "Votre colis est arrivé." });
//
// The gateway makes this file from the description of its API. Change nothing here: take the file of the newer gateway.

export const VERSION = "0.1.0";
const CODES = {
  400: "invalid_otp",
  401: "api_key_is_required",
  403: "invalid_api_key",
  413: "request_body_too_large",
  500: "internal_server_error",
};

export class ChinqitError extends Error {
  constructor(code, message, { status = 0, requestId = null, retryAfter = null, errors = [], body = {}, cause } = {}) {
    const details = errors.map((one) => (one.path.length ? `${one.path.join(".")}: ${one.message}` : one.message));
    super(`${[message, ...details].join("; ")} (${code})`, { cause });
    this.name = "ChinqitError";
    this.code = code;
    this.status = status;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
    this.errors = errors;
    this.body = body;
  }

  get retriesLeft() {
    return this.body.retriesLeft ?? null;
  }
}

export class Chinqit {
  #address;
  #key;
  #timeout;
  #retries;
  #longestWait;

  constructor(address, key, { timeout = 20, retries = 2, longestWait = 5 } = {}) {
    const url = new URL(address);
    if (!/^https?:$/.test(url.protocol)) throw new TypeError(`Not the address of a gateway: ${address}`);
    this.#address = (url.origin + url.pathname).replace(/\/+$/, "");
    this.#key = String(key ?? "").trim();
    if (!/^[!-~]+$/.test(this.#key)) throw new TypeError("The key is empty, or holds characters that no key has");
    this.#timeout = timeout;
    this.#retries = retries;
    this.#longestWait = longestWait;
  }

  /** Is anything wrong? */
  alarm() {
    return this.#call("GET", "/alarm", { answers: [200, 503], needsKey: false });
  }

  /** Is the web server up? */
  healthz() {
    return this.#call("GET", "/healthz", { needsKey: false });
  }

  /** Look at your API key */
  me() {
    return this.#call("GET", "/me");
  }

  /** List messages */
  listMessages(input = {}) {
    return this.#call("GET", "/messages", { query: input });
  }

  /** Follow a message */
  followMessage(messageId) {
    return this.#call("GET", `/messages/${encodeURIComponent(messageId)}`);
  }

  /** Send many texts */
  sendBatch(input, { idempotencyKey = newName() } = {}) {
    return this.#call("POST", "/messages/batch", { body: input, idempotencyKey });
  }

  /** Send a text */
  sendMessage(input, { idempotencyKey = newName() } = {}) {
    return this.#call("POST", "/messages/send", { body: input, idempotencyKey });
  }

  /** Send a code */
  sendOtp(input = {}, { idempotencyKey = newName() } = {}) {
    return this.#call("POST", "/otp/send", { body: input, idempotencyKey });
  }

  /** Check a code */
  verifyOtp(input, { idempotencyKey = newName() } = {}) {
    return this.#call("POST", "/otp/verify", { body: input, idempotencyKey });
  }

  /** Does everything behind it work? */
  readyz() {
    return this.#call("GET", "/readyz", { answers: [200, 503], needsKey: false });
  }

  /** Read the sandbox phone */
  readInbox(input = {}) {
    return this.#call("GET", "/sandbox/inbox", { query: input });
  }

  /** List webhooks */
  listWebhooks() {
    return this.#call("GET", "/webhooks");
  }

  /** Create a webhook */
  createWebhook(input, { idempotencyKey = newName() } = {}) {
    return this.#call("POST", "/webhooks", { body: input, idempotencyKey });
  }

  /** Look at a webhook */
  showWebhook(webhookId) {
    return this.#call("GET", `/webhooks/${encodeURIComponent(webhookId)}`);
  }

  /** Change a webhook */
  changeWebhook(webhookId, input = {}) {
    return this.#call("PATCH", `/webhooks/${encodeURIComponent(webhookId)}`, { body: input });
  }

  /** Delete a webhook */
  deleteWebhook(webhookId) {
    return this.#call("DELETE", `/webhooks/${encodeURIComponent(webhookId)}`);
  }

  /** List its attempts */
  listAttempts(webhookId, input = {}) {
    return this.#call("GET", `/webhooks/${encodeURIComponent(webhookId)}/attempts`, { query: input });
  }

  /** Replay events */
  replayEvents(webhookId, input = {}) {
    return this.#call("POST", `/webhooks/${encodeURIComponent(webhookId)}/replay`, { body: input });
  }

  /** Rotate its secret */
  rotateSecret(webhookId) {
    return this.#call("POST", `/webhooks/${encodeURIComponent(webhookId)}/rotate`);
  }

  /** Send a test event */
  testWebhook(webhookId) {
    return this.#call("POST", `/webhooks/${encodeURIComponent(webhookId)}/test`);
  }

  /** Send texts to many numbers */
  sendBulk(input, { idempotencyKey = newName() } = {}) {
    return this.#call("POST", "/api/v2/bulk/send", { body: input, idempotencyKey, answers: [202] });
  }

  /** Follow a batch */
  followBulk(batchId) {
    return this.#call("GET", `/api/v2/bulk/status/${encodeURIComponent(batchId)}`);
  }

  /** Check a code */
  verifyOtpV2(input, { idempotencyKey = newName() } = {}) {
    return this.#call("POST", "/api/v2/check", { body: input, idempotencyKey });
  }

  /** Send a code */
  sendOtpV2(input = {}, { idempotencyKey = newName() } = {}) {
    return this.#call("POST", "/api/v2/code", { body: input, idempotencyKey });
  }

  /** Send a text */
  sendMessageV2(input, { idempotencyKey = newName() } = {}) {
    return this.#call("POST", "/api/v2/notify", { body: input, idempotencyKey });
  }

  async #call(method, path, { query = {}, body, idempotencyKey, answers = [200], needsKey = true } = {}) {
    const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
    const url = this.#address + path + (asked.length ? `?${new URLSearchParams(asked)}` : "");
    const headers = { Accept: "application/json", "User-Agent": `chinqit-javascript/${VERSION}` };
    if (needsKey) headers["X-API-Key"] = this.#key;
    if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
    if (body) headers["Content-Type"] = "application/json";
    const request = { method, headers, body: body && JSON.stringify(body), redirect: "manual" };
    const retries = method === "GET" || idempotencyKey ? this.#retries : 0;
    for (let tried = 0; ; tried++) {
      try {
        return await this.#ask(url, request, answers);
      } catch (error) {
        const seconds = this.#wait(error, tried);
        if (tried === retries || seconds === null) throw error;
        await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      }
    }
  }

  async #ask(url, request, answers) {
    let response, text;
    try {
      response = await fetch(url, { ...request, signal: AbortSignal.timeout(this.#timeout * 1000) });
      text = await response.text();
    } catch (cause) {
      const code = cause.name === "TimeoutError" ? "timeout" : "connection_failed";
      throw new ChinqitError(code, cause.cause?.message || cause.message, { cause });
    }
    const body = parsed(text);
    const told = { status: response.status, requestId: response.headers.get("X-Request-Id") };
    if (!answers.includes(response.status)) throw refusal(response, body, told);
    if (!body) throw new ChinqitError("unexpected_answer", "The answer is not one of this gateway's", told);
    return body;
  }

  /** Seconds after which a call may be sent again; null: it may not. */
  #wait({ code, status, retryAfter }, tried) {
    // Not at the same time for all callers, so that they do not come back at once.
    if (code === "timeout" || code === "connection_failed") return 0.5 * 2 ** tried * (0.5 + Math.random() / 2);
    const mayWait = [429, 500, 503].includes(status) && retryAfter !== null && retryAfter <= this.#longestWait;
    return mayWait ? retryAfter : null;
  }
}

/** The event that a call to your webhook bears; throws ChinqitError when it is not genuine. See chinqit.d.mts. */
export async function verifyWebhook(secret, headers, body, { tolerance = 300 } = {}) {
  const entries = typeof headers.entries === "function" ? [...headers.entries()] : Object.entries(headers);
  const given = Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), String(value)]));
  const sent = given["webhook-timestamp"] ?? "";
  const content = typeof body === "string" ? encoder.encode(body) : new Uint8Array(body);
  const begin = encoder.encode(`${given["webhook-id"] ?? ""}.${sent}.`);
  const signed = new Uint8Array(begin.length + content.length);
  signed.set(begin);
  signed.set(content, begin.length);
  const signatures = (given["webhook-signature"] ?? "").split(" ").filter((one) => one.startsWith("v1,"));
  const { subtle } = await webCrypto();
  let right = false;
  for (const one of [secret].flat()) {
    const bytes = fromBase64(one.trim().replace(/^whsec_/, ""));
    if (!bytes) throw new TypeError("A webhook's secret is whsec_ and base64");
    const key = await subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    for (const signature of signatures) {
      // It compares in constant time.
      const mac = fromBase64(signature.slice("v1,".length));
      if (mac && (await subtle.verify("HMAC", key, mac, signed))) right = true;
    }
  }
  if (!right) throw new ChinqitError("webhook_signature", "No signature of this call is right");
  if (!/^\d+$/.test(sent) || Math.abs(Date.now() / 1000 - Number(sent)) > tolerance)
    throw new ChinqitError("webhook_time", "This call was signed too long ago, or in the future");
  return JSON.parse(new TextDecoder().decode(content));
}

const encoder = new TextEncoder();

function refusal(response, body, told) {
  const isOurs = body?.success === false;
  const errors = (isOurs && body.errors) || [];
  const usual = (isOurs && CODES[response.status]) || `http_${response.status}`;
  const header = response.headers.get("Retry-After") ?? "";
  const retryAfter = /^\d+$/.test(header) ? Number(header) : (errors.find((one) => one.retryAfter)?.retryAfter ?? null);
  const message = body?.message || `HTTP ${response.status}`;
  return new ChinqitError(errors[0]?.code ?? usual, message, { ...told, retryAfter, errors, body: body ?? {} });
}

/** An object; null where the text holds none. */
function parsed(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function fromBase64(text) {
  try {
    return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  } catch {
    return null;
  }
}

/** Node 18 has it under another name. */
async function webCrypto() {
  return globalThis.crypto ?? (await import("node:crypto")).webcrypto;
}

function newName() {
  const random = () => Math.random().toString(36).slice(2, 12);
  return globalThis.crypto?.randomUUID?.() ?? [Date.now().toString(36), random(), random(), random()].join("-");
}
