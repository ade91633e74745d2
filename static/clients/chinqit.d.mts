// The types of chinqit.mjs, client of Chinqit Gateway 0.1.0. The gateway makes this file: change nothing here.

export const VERSION: string;

/** A call that did not do what it was asked to, or a webhook that is not genuine. */
export class ChinqitError extends Error {
  constructor(code: string, message: string);
  /**
   * What to branch on: the code of the gateway's answer, or `connection_failed`, `timeout`, `unexpected_answer`,
   * `webhook_signature` or `webhook_time`.
   */
  readonly code: string;
  /** Of HTTP; 0 without an answer. */
  readonly status: number;
  readonly requestId: string | null;
  /** Seconds. */
  readonly retryAfter: number | null;
  /** One for each rule that was broken. */
  readonly errors: Problem[];
  /** The whole answer. */
  readonly body: Record<string, unknown>;
  /** Tries that are left for a code, where the answer says so. */
  readonly retriesLeft: number | null;
}

/** All lengths are seconds. */
export interface Options {
  /** For a try. */
  timeout?: number;
  /** Times that a call is sent again at most. */
  retries?: number;
  /** The longest Retry-After that is waited for. */
  longestWait?: number;
}

export interface Once {
  /** Made by the client unless you give one. */
  idempotencyKey?: string;
}

/**
 * The calls of a gateway, with one key.
 *
 * A call that fails throws ChinqitError. Those that change nothing, and those that bear an Idempotency-Key, are sent
 * again when no answer came, and on 429, 500 and 503 with a Retry-After of no more than `longestWait`.
 */
export class Chinqit {
  constructor(address: string, key: string, options?: Options);
  /** Is anything wrong? */
  alarm(): Promise<Alarm>;
  /** Is the web server up? */
  healthz(): Promise<Alive>;
  /** Look at your API key */
  me(): Promise<Me>;
  /** List messages */
  listMessages(input?: ListMessagesInput): Promise<MessagePage>;
  /** Follow a message */
  followMessage(messageId: string): Promise<Followed>;
  /** Send many texts */
  sendBatch(input: SendBatchInput, once?: Once): Promise<BatchTaken>;
  /** Send a text */
  sendMessage(input: SendMessageInput, once?: Once): Promise<Queued>;
  /** Send a code */
  sendOtp(input?: SendOtpInput, once?: Once): Promise<OtpSent>;
  /** Check a code */
  verifyOtp(input: VerifyOtpInput, once?: Once): Promise<OtpVerified>;
  /** Does everything behind it work? */
  readyz(): Promise<Ready>;
  /** Read the sandbox phone */
  readInbox(input?: ReadInboxInput): Promise<ReceivedTexts>;
  /** List webhooks */
  listWebhooks(): Promise<WebhookList>;
  /** Create a webhook */
  createWebhook(input: CreateWebhookInput, once?: Once): Promise<WebhookMade>;
  /** Look at a webhook */
  showWebhook(webhookId: string): Promise<WebhookShown>;
  /** Change a webhook */
  changeWebhook(webhookId: string, input?: ChangeWebhookInput): Promise<WebhookShown>;
  /** Delete a webhook */
  deleteWebhook(webhookId: string): Promise<Done>;
  /** List its attempts */
  listAttempts(webhookId: string, input?: ListAttemptsInput): Promise<Attempts>;
  /** Replay events */
  replayEvents(webhookId: string, input?: ReplayEventsInput): Promise<Replayed>;
  /** Rotate its secret */
  rotateSecret(webhookId: string): Promise<SecretRotated>;
  /** Send a test event */
  testWebhook(webhookId: string): Promise<TestSent>;
  /** Send texts to many numbers */
  sendBulk(input: SendBulkInput, once?: Once): Promise<BulkTaken>;
  /** Follow a batch */
  followBulk(batchId: string): Promise<BulkStatus>;
  /** Check a code */
  verifyOtpV2(input: VerifyOtpV2Input, once?: Once): Promise<OtpVerified>;
  /** Send a code */
  sendOtpV2(input?: SendOtpV2Input, once?: Once): Promise<PricedOtpSent>;
  /** Send a text */
  sendMessageV2(input: SendMessageV2Input, once?: Once): Promise<PricedQueued>;
}

/**
 * The event that a call to your webhook bears; throws ChinqitError when it is not genuine or older than `tolerance`
 * seconds. Give the headers and the body as they came, byte for byte, before a framework reads it. While secrets are
 * being rotated, several may be given; one right signature is enough. What is checked is Standard Webhooks 1.0.
 */
export function verifyWebhook(
  secret: string | readonly string[],
  headers: Headers | Record<string, string | string[] | undefined>,
  body: string | Uint8Array | ArrayBuffer,
  options?: { tolerance?: number },
): Promise<Record<string, unknown>>;

export interface ListMessagesInput {
  /** How many at most. */
  limit?: number;
  /** `next` of the page before. */
  after?: string;
  /** `out`: what you sent. `in`: texts of phones that you wrote to last; then `status`, `kind` and `channel`
   * are not taken, `phoneNumber` is who wrote, and each has `messageId`, `phoneNumber`, `to`, `text`,
   * `segments`, `keyword` and `receivedAt`. One of `out`, `in`. */
  direction?: "out" | "in";
  /** Only messages in this state. One of `queued`, `sending`, `sent`, `delivered`, `failed`, `expired`. */
  status?: "queued" | "sending" | "sent" | "delivered" | "failed" | "expired";
  /** Only messages on this channel. One of `sms`, `whatsapp`, `email`. */
  channel?: "sms" | "whatsapp" | "email";
  /** Only texts, or only codes. One of `otp`, `message`. */
  kind?: "otp" | "message";
  /** Only messages to this number, in any form. */
  phoneNumber?: string;
  /** Only codes to this e-mail address, in place of a number. */
  email?: string;
  /** Accepted at this time or later. */
  from?: string;
  /** Accepted before this time. */
  to?: string;
}

export interface SendBatchInput {
  /** 1 to 1,000 messages. One that breaks a rule does not hold back the others. */
  messages: Array<SendMessage>;
}

export interface SendMessageInput {
  /** A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front. No
   * blanks, no dashes. */
  phoneNumber: string;
  /** The 11 characters of an Android app for SMS Retriever; they become the last line of the text. Ignored for
   * WhatsApp and e-mail. */
  hash?: string | null;
  /** The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530 characters of
   * the GSM alphabet, or 670 UTF-16 units with any other character. No control characters but tab and line
   * ends. */
  message: string;
}

export interface SendOtpInput {
  /** A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front. No
   * blanks, no dashes. */
  phoneNumber?: string;
  /** With `channel` `email`, instead of the number: one address, without a name. Capital and small letters are
   * the same. To send with `auto`, beside the number: the code goes there when the order comes to e-mail. */
  email?: string;
  /** How the code travels; in any case of letters. `auto`: by the channels of the key's order, one after the
   * other, until the code is verified; by SMS where the key has none. One of `sms`, `whatsapp`, `email`,
   * `auto`. */
  channel?: "sms" | "whatsapp" | "email" | "auto";
  /** Of the text around the code. Of a locale such as `fr-FR`, what stands in front decides. Left out: the one
   * that the owner chose, French at first. One of `fr`, `en`, `ar`. */
  language?: "fr" | "en" | "ar" | null;
  /** The 11 characters of an Android app for SMS Retriever; they become the last line of the text. Ignored for
   * WhatsApp and e-mail. */
  hash?: string | null;
}

export interface VerifyOtpInput {
  /** A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front. No
   * blanks, no dashes. */
  phoneNumber?: string;
  /** With `channel` `email`, instead of the number: one address, without a name. Capital and small letters are
   * the same. To send with `auto`, beside the number: the code goes there when the order comes to e-mail. */
  email?: string;
  /** How the code travels; in any case of letters. `auto`: by the channels of the key's order, one after the
   * other, until the code is verified; by SMS where the key has none. One of `sms`, `whatsapp`, `email`,
   * `auto`. */
  channel?: "sms" | "whatsapp" | "email" | "auto";
  /** The six digits, as a string. Anything else is refused and costs no try. */
  otp: string;
}

export interface ReadInboxInput {
  /** The number, in any form. */
  phoneNumber?: string;
  /** The e-mail address, in place of a number. */
  email?: string;
  /** How many at most. */
  limit?: number;
}

export interface CreateWebhookInput {
  /** Where events go: by POST, over https. */
  url: string;
  /** The events that it wants; left out: all, but for `message.rejected` in the `standard` envelope. One of
   * `message.sent`, `message.delivered`, `message.failed`, `message.expired`, `message.rejected`,
   * `message.received`, `otp.verified`, `otp.exhausted`, `bulk.completed`. */
  events?: Array<string> | null;
  /** For people: one line of at most 80 characters. */
  description?: string;
  /** What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
   * `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike. One of
   * `standard`, `v2`. */
  envelope?: "standard" | "v2";
}

export interface ChangeWebhookInput {
  /** Where events go: by POST, over https. */
  url?: string | null;
  /** The events that it wants. One of `message.sent`, `message.delivered`, `message.failed`,
   * `message.expired`, `message.rejected`, `message.received`, `otp.verified`, `otp.exhausted`,
   * `bulk.completed`. */
  events?: Array<string> | null;
  /** For people: one line of at most 80 characters. */
  description?: string | null;
  /** What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
   * `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike. One of
   * `standard`, `v2`. */
  envelope?: "standard" | "v2" | null;
  /** `false` stops all calls. */
  enabled?: boolean | null;
}

export interface ListAttemptsInput {
  /** How many at most. */
  limit?: number;
  /** `next` of the page before. */
  after?: number;
}

export interface ReplayEventsInput {
  /** The `webhook-id` of one event. */
  eventId?: string | null;
  /** Of a period: events from here on. */
  since?: string | null;
  /** Of a period: up to here; now, if left out. */
  until?: string | null;
  /** Of a period: only what has not arrived, or all. One of `undelivered`, `all`. */
  only?: "undelivered" | "all";
}

export interface SendBulkInput {
  /** 1 to 50,000 rows. One that breaks a rule does not hold back the others. */
  recipients: Array<BulkRecipient>;
  /** For people: at most 80 characters. */
  name?: string;
  /** When it begins, at most 7 days from now; left out: now. */
  scheduledAt?: string | null;
  /** Texts a second at the most; left out: as many as the carriers take. */
  pace?: number | null;
  /** `true`: it does not wait for the end of quiet hours. */
  urgent?: boolean;
}

export interface VerifyOtpV2Input {
  /** A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front. No
   * blanks, no dashes. */
  phoneNumber?: string;
  /** With `channel` `email`, instead of the number: one address, without a name. Capital and small letters are
   * the same. To send with `auto`, beside the number: the code goes there when the order comes to e-mail. */
  email?: string;
  /** How the code travels; in any case of letters. `auto`: by the channels of the key's order, one after the
   * other, until the code is verified; by SMS where the key has none. One of `sms`, `whatsapp`, `email`,
   * `auto`. */
  channel?: "sms" | "whatsapp" | "email" | "auto";
  /** The six digits, as a string. Anything else is refused and costs no try. */
  otp: string;
}

export interface SendOtpV2Input {
  /** A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front. No
   * blanks, no dashes. */
  phoneNumber?: string;
  /** With `channel` `email`, instead of the number: one address, without a name. Capital and small letters are
   * the same. To send with `auto`, beside the number: the code goes there when the order comes to e-mail. */
  email?: string;
  /** How the code travels; in any case of letters. `auto`: by the channels of the key's order, one after the
   * other, until the code is verified; by SMS where the key has none. One of `sms`, `whatsapp`, `email`,
   * `auto`. */
  channel?: "sms" | "whatsapp" | "email" | "auto";
  /** Of the text around the code. Of a locale such as `fr-FR`, what stands in front decides. Left out: the one
   * that the owner chose, French at first. One of `fr`, `en`, `ar`. */
  language?: "fr" | "en" | "ar" | null;
  /** The 11 characters of an Android app for SMS Retriever; they become the last line of the text. Ignored for
   * WhatsApp and e-mail. */
  hash?: string | null;
}

export interface SendMessageV2Input {
  /** A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front. No
   * blanks, no dashes. */
  phoneNumber: string;
  /** The 11 characters of an Android app for SMS Retriever; they become the last line of the text. Ignored for
   * WhatsApp and e-mail. */
  hash?: string | null;
  /** The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530 characters of
   * the GSM alphabet, or 670 UTF-16 units with any other character. No control characters but tab and line
   * ends. */
  message: string;
}

/** What is wrong, by code. */
export interface Alarm {
  /** Whether nothing is wrong. */
  ok: boolean;
  /** What is wrong, such as no_worker, backlog, carrier_down, disk or database. */
  causes: Array<string>;
}

/** The web server answers. */
export interface Alive {
  /** It answers. */
  status: string;
}

/** A call to the endpoint. */
export interface Attempt {
  /** The `webhook-id`. */
  eventId: string;
  /** What happened. */
  type: string;
  /** 1 for the first. */
  attempt: number;
  /** A time in UTC. */
  at: string;
  /** Of HTTP; null without an answer. */
  status: number | null;
  /** Why it failed; null when it did not. */
  error: string | null;
  /** Milliseconds until the answer. */
  durationMs: number;
  /** Its first 1,000 characters. */
  answer: string;
}

/** Calls to the endpoint, the newest first. */
export interface Attempts {
  /** The call did what it was asked to. */
  success: boolean;
  /** At most `limit` of them. */
  attempts: Array<Attempt>;
  /** Give it as `after`; null on the last page. */
  next: number | null;
}

/** What became of each message of the batch, in the order sent. */
export interface BatchTaken {
  /** The call did what it was asked to. */
  success: boolean;
  /** One for each message, in the same order. */
  results: Array<Queued | NotQueued>;
}

/** A text to one phone. */
export interface BulkRecipient {
  /** A Mauritanian number, in the forms that `phoneNumber` has elsewhere. */
  phone: string;
  /** The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530 characters of
   * the GSM alphabet, or 670 UTF-16 units with any other character. No control characters but tab and line
   * ends. */
  message: string;
}

/** How far a batch has come. */
export interface BulkStatus {
  /** The call did what it was asked to. */
  success: boolean;
  /** Names the batch. */
  batchId: string;
  /** As it was given. */
  name: string;
  /** `completed`: every text has left, or never will; receipts may still follow. The gateway's team pauses and
   * cancels batches. One of `scheduled`, `processing`, `paused`, `completed`, `cancelled`. */
  status: "scheduled" | "processing" | "paused" | "completed" | "cancelled";
  /** Rows that were taken. */
  totalValid: number;
  /** Rows that were left out. */
  totalInvalid: number;
  /** Rows whose turn has not come. */
  waiting: number;
  /** Messages that wait for their carrier or are under way. */
  queued: number;
  /** Messages that a carrier took, and no more is known. */
  sent: number;
  /** Messages that arrived. */
  delivered: number;
  /** Messages that failed or expired. */
  failed: number;
  /** Rows that no message was made of: opted out, or the batch was cancelled. */
  skipped: number;
  /** As it was answered when it was sent. */
  estimatedCost: number;
  /** When it begins, or goes on after quiet hours. */
  waitsUntil?: string | null;
  /** A time in UTC. */
  createdAt: string;
  /** When it ended, in UTC; null: it has not. */
  completedAt: string | null;
}

/** Written down durably; the texts follow. */
export interface BulkTaken {
  /** The call did what it was asked to. */
  success: boolean;
  /** For people; it may change. */
  message?: string;
  /** Names the batch. */
  batchId: string;
  /** Rows that were taken. */
  totalValid: number;
  /** Rows that broke a rule and were left out. */
  totalInvalid: number;
  /** What all of it costs at the most, in MRU, by the prices of now; 0 where a price is missing. */
  estimatedCost: number;
  /** What it does. One of `processing`, `scheduled`. */
  status: "processing" | "scheduled";
  /** The first 1,000 rows that were left out, in the order given. */
  invalidRecipients: Array<InvalidRecipient>;
}

/** How much this key may send in a day (UTC), to all numbers together. */
export interface Caps {
  /** Texts; null: no cap. */
  messages: number | null;
  /** Codes; null: no cap. */
  codes: number | null;
}

/** A message, but for its text. */
export interface Described {
  /** Names the message for as long as it is kept. */
  messageId: string;
  /** A text or a code. One of `otp`, `message`. */
  kind: "otp" | "message";
  /** How it travels. One of `sms`, `whatsapp`, `email`. */
  channel: "sms" | "whatsapp" | "email";
  /** The number in full; null of a code by e-mail. */
  phoneNumber: string | null;
  /** Of a code by e-mail: the address in full. */
  email?: string | null;
  /** `queued`, `sending`, `sent`, `delivered`; or it ended as `failed`, or as `expired` because its time
   * passed before it could be sent. It never goes back. One of `queued`, `sending`, `sent`, `delivered`,
   * `failed`, `expired`. */
  status: "queued" | "sending" | "sent" | "delivered" | "failed" | "expired";
  /** Of the SMS. One of `gsm7`, `ucs2`. */
  encoding: "gsm7" | "ucs2";
  /** How many SMS it takes. */
  segments: number;
  /** What phones show as its sender: that of the key, where the carrier allows it, else the carrier's own.
   * null where neither has one. */
  sender: string | null;
  /** A time in UTC. */
  createdAt: string;
  /** The carrier took it at this time, in UTC; null: it did not. */
  sentAt: string | null;
  /** It arrived at this time, in UTC; null: it did not. */
  deliveredAt: string | null;
  /** It was given up at this time, in UTC; null: it did not. */
  failedAt: string | null;
  /** Its time had passed at this time, in UTC; null: it did not. */
  expiredAt: string | null;
  /** The channel that the carrier took it on; `sms` also for a code by WhatsApp that went by SMS. Of a code by
   * `auto`: the last channel that carried it. One of `sms`, `whatsapp`, `email`. */
  sentBy: "sms" | "whatsapp" | "email" | null;
  /** Why the last try to send it failed. */
  errorCode: string | null;
  /** What proved delivery: the carrier's `receipt`, or the verified `otp`. */
  confirmedBy: string | null;
  /** The states it went through, in order. */
  statusHistory: Array<Moved>;
  /** Of a code by `auto`: the messages that carry it, in the order of its key; this message is one of them. */
  steps?: Array<InTurn> | null;
}

/** It is done. */
export interface Done {
  /** The call did what it was asked to. */
  success: boolean;
}

/** What became of a message. Never its text. */
export interface Followed {
  /** Names the message for as long as it is kept. */
  messageId: string;
  /** A text or a code. One of `otp`, `message`. */
  kind: "otp" | "message";
  /** How it travels. One of `sms`, `whatsapp`, `email`. */
  channel: "sms" | "whatsapp" | "email";
  /** The number in full; null of a code by e-mail. */
  phoneNumber: string | null;
  /** Of a code by e-mail: the address in full. */
  email?: string | null;
  /** `queued`, `sending`, `sent`, `delivered`; or it ended as `failed`, or as `expired` because its time
   * passed before it could be sent. It never goes back. One of `queued`, `sending`, `sent`, `delivered`,
   * `failed`, `expired`. */
  status: "queued" | "sending" | "sent" | "delivered" | "failed" | "expired";
  /** Of the SMS. One of `gsm7`, `ucs2`. */
  encoding: "gsm7" | "ucs2";
  /** How many SMS it takes. */
  segments: number;
  /** What phones show as its sender: that of the key, where the carrier allows it, else the carrier's own.
   * null where neither has one. */
  sender: string | null;
  /** A time in UTC. */
  createdAt: string;
  /** The carrier took it at this time, in UTC; null: it did not. */
  sentAt: string | null;
  /** It arrived at this time, in UTC; null: it did not. */
  deliveredAt: string | null;
  /** It was given up at this time, in UTC; null: it did not. */
  failedAt: string | null;
  /** Its time had passed at this time, in UTC; null: it did not. */
  expiredAt: string | null;
  /** The channel that the carrier took it on; `sms` also for a code by WhatsApp that went by SMS. Of a code by
   * `auto`: the last channel that carried it. One of `sms`, `whatsapp`, `email`. */
  sentBy: "sms" | "whatsapp" | "email" | null;
  /** Why the last try to send it failed. */
  errorCode: string | null;
  /** What proved delivery: the carrier's `receipt`, or the verified `otp`. */
  confirmedBy: string | null;
  /** The states it went through, in order. */
  statusHistory: Array<Moved>;
  /** Of a code by `auto`: the messages that carry it, in the order of its key; this message is one of them. */
  steps?: Array<InTurn> | null;
  /** The call did what it was asked to. */
  success: boolean;
}

/** One of the messages that carry a code in turn. */
export interface InTurn {
  /** Names the message for as long as it is kept. */
  messageId: string;
  /** How it travels. One of `sms`, `whatsapp`, `email`. */
  channel: "sms" | "whatsapp" | "email";
  /** Its state. One of `queued`, `sending`, `sent`, `delivered`, `failed`, `expired`. */
  status: "queued" | "sending" | "sent" | "delivered" | "failed" | "expired";
  /** While it waits: when its turn comes, in UTC. */
  dueAt: string | null;
  /** The carrier took it at this time, in UTC; null: it did not. */
  sentAt: string | null;
  /** Why it was not sent: what the carrier said, `code_verified`, `code_locked` or `superseded` where it was
   * not needed any more, `budget_exhausted` where a budget had no room for it. */
  errorCode: string | null;
}

/** A text that a phone sent. */
export interface IncomingText {
  /** Names the message for as long as it is kept. */
  messageId: string;
  /** Who wrote; a foreign number as its carrier gives it. */
  phoneNumber: string;
  /** Your number; null where the carrier does not say. */
  to: string | null;
  /** Its words, as long as texts are kept; then null. */
  text: string | null;
  /** How many SMS it came in. */
  segments: number;
  /** What it was understood as, where it was a known word alone: see opt-outs. One of `stop`, `start`, `help`,
   * `reply`. */
  keyword: "stop" | "start" | "help" | "reply" | null;
  /** A time in UTC. */
  receivedAt: string;
}

/** A row that was not taken. */
export interface InvalidRecipient {
  /** As it was given; empty where it was no text. */
  phone: string;
  /** The code of the rule that it breaks, as in `errors`. */
  reason: string;
}

/** How many codes this key may send to one number. A number can have limits of its own. */
export interface Limits {
  /** Codes in 60 seconds; null: no limit. */
  minute: number | null;
  /** Codes in 3,600 seconds; null: no limit. */
  hour: number | null;
  /** Codes in 86,400 seconds; null: no limit. */
  day: number | null;
}

/** The API key that was presented. */
export interface Me {
  /** The call did what it was asked to. */
  success: boolean;
  /** As it is called in the dashboard. */
  name: string;
  /** `test` keys reach the sandbox phone only. One of `live`, `test`. */
  mode: "live" | "test";
  /** What it may do. One of `send`, `otp`, `read`, `webhooks`. */
  scopes: Array<"send" | "otp" | "read" | "webhooks">;
  /** On codes for one number. */
  limits: Limits;
  /** On all that it sends in a day. */
  dailyCaps: Caps;
}

/** Messages of this API key, the newest first. */
export interface MessagePage {
  /** The call did what it was asked to. */
  success: boolean;
  /** At most `limit` of them. */
  messages: Array<Described | IncomingText>;
  /** Give it as `after` to get the next page; null on the last one. */
  next: string | null;
}

/** A state that the message reached. */
export interface Moved {
  /** The state. One of `queued`, `sending`, `sent`, `delivered`, `failed`, `expired`. */
  status: "queued" | "sending" | "sent" | "delivered" | "failed" | "expired";
  /** A time in UTC. */
  at: string;
}

/** This message of the batch broke a rule; nothing was sent. */
export interface NotQueued {
  /** This message was refused. */
  success: boolean;
  /** What is wrong with it. */
  errors: Array<Problem>;
}

/** A new code, valid from now on. */
export interface OtpSent {
  /** The call did what it was asked to. */
  success: boolean;
  /** Names the message for as long as it is kept. */
  messageId: string;
  /** Seconds for which the code is valid. */
  expiresIn: number;
  /** There when a code asked for by WhatsApp went by SMS; it verifies under either channel. With `auto`: the
   * channel that carries it first. One of `sms`, `whatsapp`, `email`. */
  sentBy?: "sms" | "whatsapp" | "email" | null;
}

/** The code was right; it is used up. */
export interface OtpVerified {
  /** The call did what it was asked to. */
  success: boolean;
  /** For people. */
  message: string;
  /** The code was right. */
  verified: boolean;
}

/** A new code, valid from now on, and what its text is expected to cost. */
export interface PricedOtpSent {
  /** The call did what it was asked to. */
  success: boolean;
  /** Names the message for as long as it is kept. */
  messageId: string;
  /** Seconds for which the code is valid. */
  expiresIn: number;
  /** There when a code asked for by WhatsApp went by SMS; it verifies under either channel. With `auto`: the
   * channel that carries it first. One of `sms`, `whatsapp`, `email`. */
  sentBy?: "sms" | "whatsapp" | "email" | null;
  /** How many SMS the text takes. */
  parts: number;
  /** Of the text; `ucs2` holds fewer characters. One of `gsm7`, `ucs2`. */
  encoding: "gsm7" | "ucs2";
  /** Septets of the GSM alphabet, or UTF-16 units, by its `encoding`. */
  length: number;
  /** Of one SMS in MRU, to four digits; null where no price is set. */
  pricePerMessage: number | null;
  /** Of all `parts` in MRU, by the price of now; null where no price is set, 0 on the sandbox. What is charged
   * follows from the carrier that accepts the message. */
  cost: number | null;
}

/** Written down durably; delivery follows. What it is expected to cost. */
export interface PricedQueued {
  /** The call did what it was asked to. */
  success: boolean;
  /** Names the message for as long as it is kept. */
  messageId: string;
  /** It waits for delivery. */
  queued: boolean;
  /** How many SMS the text takes. */
  parts: number;
  /** Of the text; `ucs2` holds fewer characters. One of `gsm7`, `ucs2`. */
  encoding: "gsm7" | "ucs2";
  /** Septets of the GSM alphabet, or UTF-16 units, by its `encoding`. */
  length: number;
  /** Of one SMS in MRU, to four digits; null where no price is set. */
  pricePerMessage: number | null;
  /** Of all `parts` in MRU, by the price of now; null where no price is set, 0 on the sandbox. What is charged
   * follows from the carrier that accepts the message. */
  cost: number | null;
}

/** A rule that was broken. */
export interface Problem {
  /** The field; empty when it is about the whole call. */
  path: Array<string>;
  /** For people; it may change. */
  message: string;
  /** For programs; it does not change. */
  code: string;
  /** With `rate_limited`: the window that is full. One of `minute`, `hour`, `day`. */
  window?: "minute" | "hour" | "day" | null;
  /** With `rate_limited`, `daily_cap` and `budget_slowed`: how many are allowed. */
  limit?: number | null;
  /** With `budget_exhausted`: whose budget it is. One of `key`, `gateway`. */
  budget?: "key" | "gateway" | null;
  /** With `budget_exhausted`: what the budget is for. One of `day`, `month`. */
  period?: "day" | "month" | null;
  /** With `budget_exhausted`: what all that was refused would have cost, to four digits. */
  requiredAmount?: number | null;
  /** With `budget_exhausted`: what the budget has left. */
  remaining?: number | null;
  /** With `budget_exhausted`: of both amounts. */
  currency?: string | null;
  /** With `budget_exhausted`: when the budget starts again. */
  startsAgainAt?: string | null;
  /** Seconds to wait, where waiting helps. */
  retryAfter?: number | null;
  /** With `provider_error` and `provider_timeout`: what WhatsApp said. */
  reason?: string | null;
  /** Whether the same call may succeed later. */
  retryable?: boolean | null;
  /** The message that the call made. With `provider_timeout` its code is valid and may still arrive. */
  messageId?: string | null;
}

/** Written down durably; delivery follows. */
export interface Queued {
  /** The call did what it was asked to. */
  success: boolean;
  /** Names the message for as long as it is kept. */
  messageId: string;
  /** It waits for delivery. */
  queued: boolean;
}

/** Database, Valkey and the processes behind, told apart. */
export interface Ready {
  /** Whether all parts work. */
  ready: boolean;
  /** Whether this part works. One of `ok`, `down`. */
  database: "ok" | "down";
  /** Whether this part works. One of `ok`, `down`. */
  valkey: "ok" | "down";
  /** Whether this part works. One of `ok`, `down`. */
  relay: "ok" | "down";
  /** How many workers of each lane gave a sign lately. */
  workers: Record<string, number>;
}

/** A text on the sandbox phone. */
export interface Received {
  /** Names the message for as long as it is kept. */
  messageId: string;
  /** How it came. One of `sms`, `whatsapp`, `email`. */
  channel: "sms" | "whatsapp" | "email";
  /** As the phone shows it, codes in full. */
  text: string;
  /** A time in UTC. */
  receivedAt: string;
}

/** What a number received, the newest last. */
export interface ReceivedTexts {
  /** The call did what it was asked to. */
  success: boolean;
  /** At most `limit` of them. */
  messages: Array<Received>;
}

/** The events are due again. */
export interface Replayed {
  /** The call did what it was asked to. */
  success: boolean;
  /** How many. */
  replayed: number;
}

/** The new secret. Until `previousUntil`, calls bear both signatures. */
export interface SecretRotated {
  /** The call did what it was asked to. */
  success: boolean;
  /** What calls are signed with. It is shown in this answer only. */
  secret: string;
  /** A time in UTC. */
  previousUntil: string;
}

/** A text to one phone. */
export interface SendMessage {
  /** A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front. No
   * blanks, no dashes. */
  phoneNumber: string;
  /** The 11 characters of an Android app for SMS Retriever; they become the last line of the text. Ignored for
   * WhatsApp and e-mail. */
  hash?: string | null;
  /** The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530 characters of
   * the GSM alphabet, or 670 UTF-16 units with any other character. No control characters but tab and line
   * ends. */
  message: string;
}

/** A `webhook.test` is on its way. */
export interface TestSent {
  /** The call did what it was asked to. */
  success: boolean;
  /** The `webhook-id` that it bears. */
  eventId: string;
}

/** An endpoint, but for its secret. */
export interface Webhook {
  /** Names the endpoint. */
  webhookId: string;
  /** Where events go: by POST, over https. */
  url: string;
  /** For people: one line of at most 80 characters. */
  description: string;
  /** The events that it gets. */
  events: Array<string>;
  /** What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
   * `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike. One of
   * `standard`, `v2`. */
  envelope: "standard" | "v2";
  /** `failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`. */
  state: "active" | "failing" | "disabled";
  /** Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`, `failing`. */
  disabledReason: "asked" | "gone" | "failing" | null;
  /** A time in UTC. */
  createdAt: string;
  /** When it was disabled; in UTC, or null. */
  disabledAt: string | null;
  /** When it began to fail; in UTC, or null. */
  failingSince: string | null;
  /** When it was last called; in UTC, or null. */
  lastAttemptAt: string | null;
  /** Of HTTP, in answer to the last call. */
  lastStatus: number | null;
  /** Why the last call failed. */
  lastError: string | null;
}

/** The endpoints of this API key, oldest first. */
export interface WebhookList {
  /** The call did what it was asked to. */
  success: boolean;
  /** At most ten. */
  webhooks: Array<Webhook>;
}

/** A new endpoint with its secret. */
export interface WebhookMade {
  /** Names the endpoint. */
  webhookId: string;
  /** Where events go: by POST, over https. */
  url: string;
  /** For people: one line of at most 80 characters. */
  description: string;
  /** The events that it gets. */
  events: Array<string>;
  /** What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
   * `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike. One of
   * `standard`, `v2`. */
  envelope: "standard" | "v2";
  /** `failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`. */
  state: "active" | "failing" | "disabled";
  /** Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`, `failing`. */
  disabledReason: "asked" | "gone" | "failing" | null;
  /** A time in UTC. */
  createdAt: string;
  /** When it was disabled; in UTC, or null. */
  disabledAt: string | null;
  /** When it began to fail; in UTC, or null. */
  failingSince: string | null;
  /** When it was last called; in UTC, or null. */
  lastAttemptAt: string | null;
  /** Of HTTP, in answer to the last call. */
  lastStatus: number | null;
  /** Why the last call failed. */
  lastError: string | null;
  /** The call did what it was asked to. */
  success: boolean;
  /** What calls are signed with. It is shown in this answer only. */
  secret: string;
}

/** An endpoint. */
export interface WebhookShown {
  /** Names the endpoint. */
  webhookId: string;
  /** Where events go: by POST, over https. */
  url: string;
  /** For people: one line of at most 80 characters. */
  description: string;
  /** The events that it gets. */
  events: Array<string>;
  /** What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
   * `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike. One of
   * `standard`, `v2`. */
  envelope: "standard" | "v2";
  /** `failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`. */
  state: "active" | "failing" | "disabled";
  /** Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`, `failing`. */
  disabledReason: "asked" | "gone" | "failing" | null;
  /** A time in UTC. */
  createdAt: string;
  /** When it was disabled; in UTC, or null. */
  disabledAt: string | null;
  /** When it began to fail; in UTC, or null. */
  failingSince: string | null;
  /** When it was last called; in UTC, or null. */
  lastAttemptAt: string | null;
  /** Of HTTP, in answer to the last call. */
  lastStatus: number | null;
  /** Why the last call failed. */
  lastError: string | null;
  /** The call did what it was asked to. */
  success: boolean;
}
