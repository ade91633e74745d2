// Calls the client library as it is told: an order a line on standard input, an answer a line on standard output.
import { createInterface } from "node:readline";
import { Chinqit, ChinqitError, verifyWebhook } from "../../../static/clients/chinqit.mjs";

async function done(order) {
  if (order.secrets) return await verifyWebhook(order.secrets, order.headers, order.body);
  const { address, key, ...options } = order.client;
  const once = order.idempotencyKey ? [{ idempotencyKey: order.idempotencyKey }] : [];
  const given = Object.keys(order.given).length || once.length ? [order.given] : [];
  return await new Chinqit(address, key, options)[order.name](...order.path, ...given, ...once);
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { done: await done(JSON.parse(line)) };
  } catch (error) {
    if (!(error instanceof ChinqitError)) throw error;
    const { code, status, requestId, retryAfter, errors, body, retriesLeft, message } = error;
    answer = { failed: { code, status, requestId, retryAfter, errors, body, retriesLeft, text: message } };
  }
  console.log(JSON.stringify(answer));
}
