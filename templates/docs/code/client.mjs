import { Chinqit, ChinqitError } from "./chinqit.mjs";

const gateway = new Chinqit("https://sms.example.mr", process.env.CHINQIT_KEY);
try {
  const sent = await gateway.sendOtp({ phoneNumber: "+22238089336", language: "fr" });
  console.log(sent.messageId, sent.expiresIn);
  await gateway.verifyOtp({ phoneNumber: "+22238089336", otp: "123456" });
} catch (error) {
  if (!(error instanceof ChinqitError)) throw error;
  console.log(error.code, error.retriesLeft, error.retryAfter);
}
