import { ChinqitError, verifyWebhook } from "./chinqit.mjs";

// The status for a call to your webhook; the body as it came.
export async function answer(headers, body) {
  try {
    const event = await verifyWebhook(process.env.CHINQIT_WEBHOOK_SECRET, headers, body);
    console.log(event.type);
    return 204;
  } catch (error) {
    if (!(error instanceof ChinqitError)) throw error;
    return 400;
  }
}
