import { createHmac, timingSafeEqual } from "node:crypto";

// `headers` with names in lower case; `body` is a Buffer, as it came.
export function isGenuine(secret, headers, body, tolerance = 300) {
  const sent = headers["webhook-timestamp"];
  if (!/^\d+$/.test(sent) || Math.abs(Date.now() / 1000 - Number(sent)) > tolerance) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const hmac = createHmac("sha256", key).update(`${headers["webhook-id"]}.${sent}.`).update(body);
  const right = Buffer.from("v1," + hmac.digest("base64"));
  return (headers["webhook-signature"] ?? "").split(" ").some((one) => {
    const given = Buffer.from(one);
    return given.length === right.length && timingSafeEqual(given, right);
  });
}
