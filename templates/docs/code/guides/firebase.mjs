import { initializeApp } from "firebase-admin/app";
import { getAuth } from "firebase-admin/auth";
import { HttpsError, onCall } from "firebase-functions/v2/https";
import { Chinqit, ChinqitError } from "./chinqit.mjs";

initializeApp();
const options = { secrets: ["CHINQIT_KEY"], enforceAppCheck: true };
let made;
const gateway = () => (made ??= new Chinqit("https://sms.example.mr", process.env.CHINQIT_KEY));

export const sendCode = onCall(options, ({ data }) =>
  told(async () => {
    await gateway().sendOtp({ phoneNumber: String(data.phone), language: "fr", hash: data.hash ?? undefined });
    return { sent: true };
  }),
);

export const signIn = onCall(options, ({ data }) =>
  told(async () => {
    const phone = String(data.phone);
    await gateway().verifyOtp({ otp: String(data.code), phoneNumber: phone });
    return { token: await getAuth().createCustomToken(`+222${phone.slice(-8)}`) };
  }),
);

async function told(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ChinqitError)) throw error;
    const kind = { 400: "invalid-argument", 404: "invalid-argument", 429: "resource-exhausted" }[error.status];
    if (!kind) console.error("The gateway refused:", error.message);
    const { code, retriesLeft, retryAfter } = error;
    throw new HttpsError(kind ?? "unavailable", kind ? code : "try_later", kind ? { retriesLeft, retryAfter } : {});
  }
}
