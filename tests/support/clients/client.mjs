// A shop's server in Node: sends a code, reads it on the sandbox phone, verifies it; or judges a webhook.
import { createHmac, timingSafeEqual } from "node:crypto";

const { BASE, KEY, PHONE, SECRET, HEADERS, BODY } = process.env;

async function call(method, path, body) {
  const answer = await fetch(BASE + path, {
    method,
    headers: { "X-API-Key": KEY, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(15000),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function verify(phone) {
  const sent = await call("POST", "/otp/send", { phoneNumber: phone, language: "fr", hash: null });
  for (let tries = 0; tries < 100; tries++) {
    const { messages } = await call("GET", `/sandbox/inbox?phoneNumber=${encodeURIComponent(phone)}`);
    const message = messages.find((one) => one.messageId === sent.messageId);
    if (message) {
      const otp = /\b\d{6}\b/.exec(message.text)[0];
      return (await call("POST", "/otp/verify", { phoneNumber: phone, otp })).verified;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

function isGenuine(headers, body) {
  const key = Buffer.from(SECRET.replace(/^whsec_/, ""), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const right = Buffer.from(`v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
  return headers["webhook-signature"]
    .split(" ")
    .map((one) => Buffer.from(one))
    .some((given) => given.length === right.length && timingSafeEqual(given, right));
}

console.log(process.argv[2] === "verify" ? await verify(PHONE) : isGenuine(JSON.parse(HEADERS), BODY));
