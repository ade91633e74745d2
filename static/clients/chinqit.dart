/// Client of Chinqit Gateway 0.1.0, for Dart 3.0 and newer, on servers. It needs nothing but Dart.
///
/// Never put a key into an app: whoever has the app can read it. Let the app call your server.
///
/// ```dart
/// final gateway = Chinqit('https://sms.example.mr', Platform.environment['CHINQIT_KEY']!);
/// await gateway.sendMessage('+22238089336', 'Votre colis est arrivé.');
/// ```
///
/// The gateway makes this file from the description of its API. Change nothing here: take the file of the newer gateway.
library;

import 'dart:async';
import 'dart:convert';
import 'dart:io';
import 'dart:math';
import 'dart:typed_data';

const version = '0.1.0';
const _codes = {
  400: 'invalid_otp',
  401: 'api_key_is_required',
  403: 'invalid_api_key',
  413: 'request_body_too_large',
  500: 'internal_server_error',
};

/// A call that did not do what it was asked to, or a webhook that is not genuine.
class ChinqitError implements Exception {
  /// What to branch on: the code of the gateway's answer, or one of `connection_failed`, `timeout`,
  /// `unexpected_answer`, `webhook_signature` and `webhook_time`.
  final String code;
  final String message;

  /// Of HTTP; 0 without an answer.
  final int status;
  final String? requestId;

  /// Seconds.
  final int? retryAfter;

  /// One for each rule that was broken.
  final List<Problem> errors;

  /// The whole answer.
  final Map<String, dynamic> body;

  const ChinqitError(
    this.code,
    this.message, {
    this.status = 0,
    this.requestId,
    this.retryAfter,
    this.errors = const [],
    this.body = const {},
  });

  /// Tries that are left for a code, where the answer says so.
  int? get retriesLeft {
    final left = body['retriesLeft'];
    return left is int ? left : null;
  }

  @override
  String toString() {
    final details = errors.map((one) => one.path.isEmpty ? one.message : '${one.path.join('.')}: ${one.message}');
    return '${[message, ...details].join('; ')} ($code)';
  }
}

/// What is wrong, by code.
class Alarm {
  /// Whether nothing is wrong.
  final bool ok;
  /// What is wrong, such as no_worker, backlog, carrier_down, disk or database.
  final List<String> causes;

  const Alarm({
    required this.ok,
    required this.causes,
  });

  factory Alarm.fromJson(Map<String, dynamic> json) => Alarm(
        ok: json['ok'] as bool,
        causes: [for (final one in json['causes'] as List<dynamic>) one as String],
      );
}

/// The web server answers.
class Alive {
  /// It answers.
  final String status;

  const Alive({
    required this.status,
  });

  factory Alive.fromJson(Map<String, dynamic> json) => Alive(
        status: json['status'] as String,
      );
}

/// A call to the endpoint.
class Attempt {
  /// The `webhook-id`.
  final String eventId;
  /// What happened.
  final String type;
  /// 1 for the first.
  final int attempt;
  /// A time in UTC.
  final String at;
  /// Of HTTP; null without an answer.
  final int? status;
  /// Why it failed; null when it did not.
  final String? error;
  /// Milliseconds until the answer.
  final int durationMs;
  /// Its first 1,000 characters.
  final String answer;

  const Attempt({
    required this.eventId,
    required this.type,
    required this.attempt,
    required this.at,
    required this.status,
    required this.error,
    required this.durationMs,
    required this.answer,
  });

  factory Attempt.fromJson(Map<String, dynamic> json) => Attempt(
        eventId: json['eventId'] as String,
        type: json['type'] as String,
        attempt: json['attempt'] as int,
        at: json['at'] as String,
        status: json['status'] as int?,
        error: json['error'] as String?,
        durationMs: json['durationMs'] as int,
        answer: json['answer'] as String,
      );
}

/// Calls to the endpoint, the newest first.
class Attempts {
  /// The call did what it was asked to.
  final bool success;
  /// At most `limit` of them.
  final List<Attempt> attempts;
  /// Give it as `after`; null on the last page.
  final int? next;

  const Attempts({
    required this.success,
    required this.attempts,
    required this.next,
  });

  factory Attempts.fromJson(Map<String, dynamic> json) => Attempts(
        success: json['success'] as bool,
        attempts: [for (final one in json['attempts'] as List<dynamic>) Attempt.fromJson(one as Map<String, dynamic>)],
        next: json['next'] as int?,
      );
}

/// What became of each message of the batch, in the order sent.
class BatchTaken {
  /// The call did what it was asked to.
  final bool success;
  /// One for each message, in the same order.
  final List<Object> results;

  const BatchTaken({
    required this.success,
    required this.results,
  });

  factory BatchTaken.fromJson(Map<String, dynamic> json) => BatchTaken(
        success: json['success'] as bool,
        results: [for (final one in json['results'] as List<dynamic>) (one as Map<String, dynamic>).containsKey('messageId') ? Queued.fromJson(one as Map<String, dynamic>) : NotQueued.fromJson(one as Map<String, dynamic>)],
      );
}

/// A text to one phone.
class BulkRecipient {
  /// A Mauritanian number, in the forms that `phoneNumber` has elsewhere.
  final String phone;
  /// The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530 characters of
  /// the GSM alphabet, or 670 UTF-16 units with any other character. No control characters but tab and line
  /// ends.
  final String message;

  const BulkRecipient({
    required this.phone,
    required this.message,
  });

  Map<String, dynamic> toJson() => _given({
        'phone': phone,
        'message': message,
      });
}

/// How far a batch has come.
class BulkStatus {
  /// The call did what it was asked to.
  final bool success;
  /// Names the batch.
  final String batchId;
  /// As it was given.
  final String name;
  /// `completed`: every text has left, or never will; receipts may still follow. The gateway's team pauses
  /// and cancels batches. One of `scheduled`, `processing`, `paused`, `completed`, `cancelled`.
  final String status;
  /// Rows that were taken.
  final int totalValid;
  /// Rows that were left out.
  final int totalInvalid;
  /// Rows whose turn has not come.
  final int waiting;
  /// Messages that wait for their carrier or are under way.
  final int queued;
  /// Messages that a carrier took, and no more is known.
  final int sent;
  /// Messages that arrived.
  final int delivered;
  /// Messages that failed or expired.
  final int failed;
  /// Rows that no message was made of: opted out, or the batch was cancelled.
  final int skipped;
  /// As it was answered when it was sent.
  final double estimatedCost;
  /// When it begins, or goes on after quiet hours.
  final String? waitsUntil;
  /// A time in UTC.
  final String createdAt;
  /// When it ended, in UTC; null: it has not.
  final String? completedAt;

  const BulkStatus({
    required this.success,
    required this.batchId,
    required this.name,
    required this.status,
    required this.totalValid,
    required this.totalInvalid,
    required this.waiting,
    required this.queued,
    required this.sent,
    required this.delivered,
    required this.failed,
    required this.skipped,
    required this.estimatedCost,
    this.waitsUntil,
    required this.createdAt,
    required this.completedAt,
  });

  factory BulkStatus.fromJson(Map<String, dynamic> json) => BulkStatus(
        success: json['success'] as bool,
        batchId: json['batchId'] as String,
        name: json['name'] as String,
        status: json['status'] as String,
        totalValid: json['totalValid'] as int,
        totalInvalid: json['totalInvalid'] as int,
        waiting: json['waiting'] as int,
        queued: json['queued'] as int,
        sent: json['sent'] as int,
        delivered: json['delivered'] as int,
        failed: json['failed'] as int,
        skipped: json['skipped'] as int,
        estimatedCost: (json['estimatedCost'] as num).toDouble(),
        waitsUntil: json['waitsUntil'] as String?,
        createdAt: json['createdAt'] as String,
        completedAt: json['completedAt'] as String?,
      );
}

/// Written down durably; the texts follow.
class BulkTaken {
  /// The call did what it was asked to.
  final bool success;
  /// For people; it may change.
  final String? message;
  /// Names the batch.
  final String batchId;
  /// Rows that were taken.
  final int totalValid;
  /// Rows that broke a rule and were left out.
  final int totalInvalid;
  /// What all of it costs at the most, in MRU, by the prices of now; 0 where a price is missing.
  final double estimatedCost;
  /// What it does. One of `processing`, `scheduled`.
  final String status;
  /// The first 1,000 rows that were left out, in the order given.
  final List<InvalidRecipient> invalidRecipients;

  const BulkTaken({
    required this.success,
    this.message,
    required this.batchId,
    required this.totalValid,
    required this.totalInvalid,
    required this.estimatedCost,
    required this.status,
    required this.invalidRecipients,
  });

  factory BulkTaken.fromJson(Map<String, dynamic> json) => BulkTaken(
        success: json['success'] as bool,
        message: json['message'] as String?,
        batchId: json['batchId'] as String,
        totalValid: json['totalValid'] as int,
        totalInvalid: json['totalInvalid'] as int,
        estimatedCost: (json['estimatedCost'] as num).toDouble(),
        status: json['status'] as String,
        invalidRecipients: [for (final one in json['invalidRecipients'] as List<dynamic>) InvalidRecipient.fromJson(one as Map<String, dynamic>)],
      );
}

/// How much this key may send in a day (UTC), to all numbers together.
class Caps {
  /// Texts; null: no cap.
  final int? messages;
  /// Codes; null: no cap.
  final int? codes;

  const Caps({
    required this.messages,
    required this.codes,
  });

  factory Caps.fromJson(Map<String, dynamic> json) => Caps(
        messages: json['messages'] as int?,
        codes: json['codes'] as int?,
      );
}

/// A message, but for its text.
class Described {
  /// Names the message for as long as it is kept.
  final String messageId;
  /// A text or a code. One of `otp`, `message`.
  final String kind;
  /// How it travels. One of `sms`, `whatsapp`, `email`.
  final String channel;
  /// The number in full; null of a code by e-mail.
  final String? phoneNumber;
  /// Of a code by e-mail: the address in full.
  final String? email;
  /// `queued`, `sending`, `sent`, `delivered`; or it ended as `failed`, or as `expired` because its time
  /// passed before it could be sent. It never goes back. One of `queued`, `sending`, `sent`, `delivered`,
  /// `failed`, `expired`.
  final String status;
  /// Of the SMS. One of `gsm7`, `ucs2`.
  final String encoding;
  /// How many SMS it takes.
  final int segments;
  /// What phones show as its sender: that of the key, where the carrier allows it, else the carrier's own.
  /// null where neither has one.
  final String? sender;
  /// A time in UTC.
  final String createdAt;
  /// The carrier took it at this time, in UTC; null: it did not.
  final String? sentAt;
  /// It arrived at this time, in UTC; null: it did not.
  final String? deliveredAt;
  /// It was given up at this time, in UTC; null: it did not.
  final String? failedAt;
  /// Its time had passed at this time, in UTC; null: it did not.
  final String? expiredAt;
  /// The channel that the carrier took it on; `sms` also for a code by WhatsApp that went by SMS. Of a code
  /// by `auto`: the last channel that carried it. One of `sms`, `whatsapp`, `email`.
  final String? sentBy;
  /// Why the last try to send it failed.
  final String? errorCode;
  /// What proved delivery: the carrier's `receipt`, or the verified `otp`.
  final String? confirmedBy;
  /// The states it went through, in order.
  final List<Moved> statusHistory;
  /// Of a code by `auto`: the messages that carry it, in the order of its key; this message is one of them.
  final List<InTurn>? steps;

  const Described({
    required this.messageId,
    required this.kind,
    required this.channel,
    required this.phoneNumber,
    this.email,
    required this.status,
    required this.encoding,
    required this.segments,
    required this.sender,
    required this.createdAt,
    required this.sentAt,
    required this.deliveredAt,
    required this.failedAt,
    required this.expiredAt,
    required this.sentBy,
    required this.errorCode,
    required this.confirmedBy,
    required this.statusHistory,
    this.steps,
  });

  factory Described.fromJson(Map<String, dynamic> json) => Described(
        messageId: json['messageId'] as String,
        kind: json['kind'] as String,
        channel: json['channel'] as String,
        phoneNumber: json['phoneNumber'] as String?,
        email: json['email'] as String?,
        status: json['status'] as String,
        encoding: json['encoding'] as String,
        segments: json['segments'] as int,
        sender: json['sender'] as String?,
        createdAt: json['createdAt'] as String,
        sentAt: json['sentAt'] as String?,
        deliveredAt: json['deliveredAt'] as String?,
        failedAt: json['failedAt'] as String?,
        expiredAt: json['expiredAt'] as String?,
        sentBy: json['sentBy'] as String?,
        errorCode: json['errorCode'] as String?,
        confirmedBy: json['confirmedBy'] as String?,
        statusHistory: [for (final one in json['statusHistory'] as List<dynamic>) Moved.fromJson(one as Map<String, dynamic>)],
        steps: json['steps'] == null ? null : [for (final one in json['steps'] as List<dynamic>) InTurn.fromJson(one as Map<String, dynamic>)],
      );
}

/// It is done.
class Done {
  /// The call did what it was asked to.
  final bool success;

  const Done({
    required this.success,
  });

  factory Done.fromJson(Map<String, dynamic> json) => Done(
        success: json['success'] as bool,
      );
}

/// What became of a message. Never its text.
class Followed {
  /// Names the message for as long as it is kept.
  final String messageId;
  /// A text or a code. One of `otp`, `message`.
  final String kind;
  /// How it travels. One of `sms`, `whatsapp`, `email`.
  final String channel;
  /// The number in full; null of a code by e-mail.
  final String? phoneNumber;
  /// Of a code by e-mail: the address in full.
  final String? email;
  /// `queued`, `sending`, `sent`, `delivered`; or it ended as `failed`, or as `expired` because its time
  /// passed before it could be sent. It never goes back. One of `queued`, `sending`, `sent`, `delivered`,
  /// `failed`, `expired`.
  final String status;
  /// Of the SMS. One of `gsm7`, `ucs2`.
  final String encoding;
  /// How many SMS it takes.
  final int segments;
  /// What phones show as its sender: that of the key, where the carrier allows it, else the carrier's own.
  /// null where neither has one.
  final String? sender;
  /// A time in UTC.
  final String createdAt;
  /// The carrier took it at this time, in UTC; null: it did not.
  final String? sentAt;
  /// It arrived at this time, in UTC; null: it did not.
  final String? deliveredAt;
  /// It was given up at this time, in UTC; null: it did not.
  final String? failedAt;
  /// Its time had passed at this time, in UTC; null: it did not.
  final String? expiredAt;
  /// The channel that the carrier took it on; `sms` also for a code by WhatsApp that went by SMS. Of a code
  /// by `auto`: the last channel that carried it. One of `sms`, `whatsapp`, `email`.
  final String? sentBy;
  /// Why the last try to send it failed.
  final String? errorCode;
  /// What proved delivery: the carrier's `receipt`, or the verified `otp`.
  final String? confirmedBy;
  /// The states it went through, in order.
  final List<Moved> statusHistory;
  /// Of a code by `auto`: the messages that carry it, in the order of its key; this message is one of them.
  final List<InTurn>? steps;
  /// The call did what it was asked to.
  final bool success;

  const Followed({
    required this.messageId,
    required this.kind,
    required this.channel,
    required this.phoneNumber,
    this.email,
    required this.status,
    required this.encoding,
    required this.segments,
    required this.sender,
    required this.createdAt,
    required this.sentAt,
    required this.deliveredAt,
    required this.failedAt,
    required this.expiredAt,
    required this.sentBy,
    required this.errorCode,
    required this.confirmedBy,
    required this.statusHistory,
    this.steps,
    required this.success,
  });

  factory Followed.fromJson(Map<String, dynamic> json) => Followed(
        messageId: json['messageId'] as String,
        kind: json['kind'] as String,
        channel: json['channel'] as String,
        phoneNumber: json['phoneNumber'] as String?,
        email: json['email'] as String?,
        status: json['status'] as String,
        encoding: json['encoding'] as String,
        segments: json['segments'] as int,
        sender: json['sender'] as String?,
        createdAt: json['createdAt'] as String,
        sentAt: json['sentAt'] as String?,
        deliveredAt: json['deliveredAt'] as String?,
        failedAt: json['failedAt'] as String?,
        expiredAt: json['expiredAt'] as String?,
        sentBy: json['sentBy'] as String?,
        errorCode: json['errorCode'] as String?,
        confirmedBy: json['confirmedBy'] as String?,
        statusHistory: [for (final one in json['statusHistory'] as List<dynamic>) Moved.fromJson(one as Map<String, dynamic>)],
        steps: json['steps'] == null ? null : [for (final one in json['steps'] as List<dynamic>) InTurn.fromJson(one as Map<String, dynamic>)],
        success: json['success'] as bool,
      );
}

/// One of the messages that carry a code in turn.
class InTurn {
  /// Names the message for as long as it is kept.
  final String messageId;
  /// How it travels. One of `sms`, `whatsapp`, `email`.
  final String channel;
  /// Its state. One of `queued`, `sending`, `sent`, `delivered`, `failed`, `expired`.
  final String status;
  /// While it waits: when its turn comes, in UTC.
  final String? dueAt;
  /// The carrier took it at this time, in UTC; null: it did not.
  final String? sentAt;
  /// Why it was not sent: what the carrier said, `code_verified`, `code_locked` or `superseded` where it was
  /// not needed any more, `budget_exhausted` where a budget had no room for it.
  final String? errorCode;

  const InTurn({
    required this.messageId,
    required this.channel,
    required this.status,
    required this.dueAt,
    required this.sentAt,
    required this.errorCode,
  });

  factory InTurn.fromJson(Map<String, dynamic> json) => InTurn(
        messageId: json['messageId'] as String,
        channel: json['channel'] as String,
        status: json['status'] as String,
        dueAt: json['dueAt'] as String?,
        sentAt: json['sentAt'] as String?,
        errorCode: json['errorCode'] as String?,
      );
}

/// A text that a phone sent.
class IncomingText {
  /// Names the message for as long as it is kept.
  final String messageId;
  /// Who wrote; a foreign number as its carrier gives it.
  final String phoneNumber;
  /// Your number; null where the carrier does not say.
  final String? to;
  /// Its words, as long as texts are kept; then null.
  final String? text;
  /// How many SMS it came in.
  final int segments;
  /// What it was understood as, where it was a known word alone: see opt-outs. One of `stop`, `start`,
  /// `help`, `reply`.
  final String? keyword;
  /// A time in UTC.
  final String receivedAt;

  const IncomingText({
    required this.messageId,
    required this.phoneNumber,
    required this.to,
    required this.text,
    required this.segments,
    required this.keyword,
    required this.receivedAt,
  });

  factory IncomingText.fromJson(Map<String, dynamic> json) => IncomingText(
        messageId: json['messageId'] as String,
        phoneNumber: json['phoneNumber'] as String,
        to: json['to'] as String?,
        text: json['text'] as String?,
        segments: json['segments'] as int,
        keyword: json['keyword'] as String?,
        receivedAt: json['receivedAt'] as String,
      );
}

/// A row that was not taken.
class InvalidRecipient {
  /// As it was given; empty where it was no text.
  final String phone;
  /// The code of the rule that it breaks, as in `errors`.
  final String reason;

  const InvalidRecipient({
    required this.phone,
    required this.reason,
  });

  factory InvalidRecipient.fromJson(Map<String, dynamic> json) => InvalidRecipient(
        phone: json['phone'] as String,
        reason: json['reason'] as String,
      );
}

/// How many codes this key may send to one number. A number can have limits of its own.
class Limits {
  /// Codes in 60 seconds; null: no limit.
  final int? minute;
  /// Codes in 3,600 seconds; null: no limit.
  final int? hour;
  /// Codes in 86,400 seconds; null: no limit.
  final int? day;

  const Limits({
    required this.minute,
    required this.hour,
    required this.day,
  });

  factory Limits.fromJson(Map<String, dynamic> json) => Limits(
        minute: json['minute'] as int?,
        hour: json['hour'] as int?,
        day: json['day'] as int?,
      );
}

/// The API key that was presented.
class Me {
  /// The call did what it was asked to.
  final bool success;
  /// As it is called in the dashboard.
  final String name;
  /// `test` keys reach the sandbox phone only. One of `live`, `test`.
  final String mode;
  /// What it may do. One of `send`, `otp`, `read`, `webhooks`.
  final List<String> scopes;
  /// On codes for one number.
  final Limits limits;
  /// On all that it sends in a day.
  final Caps dailyCaps;

  const Me({
    required this.success,
    required this.name,
    required this.mode,
    required this.scopes,
    required this.limits,
    required this.dailyCaps,
  });

  factory Me.fromJson(Map<String, dynamic> json) => Me(
        success: json['success'] as bool,
        name: json['name'] as String,
        mode: json['mode'] as String,
        scopes: [for (final one in json['scopes'] as List<dynamic>) one as String],
        limits: Limits.fromJson(json['limits'] as Map<String, dynamic>),
        dailyCaps: Caps.fromJson(json['dailyCaps'] as Map<String, dynamic>),
      );
}

/// Messages of this API key, the newest first.
class MessagePage {
  /// The call did what it was asked to.
  final bool success;
  /// At most `limit` of them.
  final List<Object> messages;
  /// Give it as `after` to get the next page; null on the last one.
  final String? next;

  const MessagePage({
    required this.success,
    required this.messages,
    required this.next,
  });

  factory MessagePage.fromJson(Map<String, dynamic> json) => MessagePage(
        success: json['success'] as bool,
        messages: [for (final one in json['messages'] as List<dynamic>) (one as Map<String, dynamic>).containsKey('kind') ? Described.fromJson(one as Map<String, dynamic>) : IncomingText.fromJson(one as Map<String, dynamic>)],
        next: json['next'] as String?,
      );
}

/// A state that the message reached.
class Moved {
  /// The state. One of `queued`, `sending`, `sent`, `delivered`, `failed`, `expired`.
  final String status;
  /// A time in UTC.
  final String at;

  const Moved({
    required this.status,
    required this.at,
  });

  factory Moved.fromJson(Map<String, dynamic> json) => Moved(
        status: json['status'] as String,
        at: json['at'] as String,
      );
}

/// This message of the batch broke a rule; nothing was sent.
class NotQueued {
  /// This message was refused.
  final bool success;
  /// What is wrong with it.
  final List<Problem> errors;

  const NotQueued({
    required this.success,
    required this.errors,
  });

  factory NotQueued.fromJson(Map<String, dynamic> json) => NotQueued(
        success: json['success'] as bool,
        errors: [for (final one in json['errors'] as List<dynamic>) Problem.fromJson(one as Map<String, dynamic>)],
      );
}

/// A new code, valid from now on.
class OtpSent {
  /// The call did what it was asked to.
  final bool success;
  /// Names the message for as long as it is kept.
  final String messageId;
  /// Seconds for which the code is valid.
  final int expiresIn;
  /// There when a code asked for by WhatsApp went by SMS; it verifies under either channel. With `auto`: the
  /// channel that carries it first. One of `sms`, `whatsapp`, `email`.
  final String? sentBy;

  const OtpSent({
    required this.success,
    required this.messageId,
    required this.expiresIn,
    this.sentBy,
  });

  factory OtpSent.fromJson(Map<String, dynamic> json) => OtpSent(
        success: json['success'] as bool,
        messageId: json['messageId'] as String,
        expiresIn: json['expiresIn'] as int,
        sentBy: json['sentBy'] as String?,
      );
}

/// The code was right; it is used up.
class OtpVerified {
  /// The call did what it was asked to.
  final bool success;
  /// For people.
  final String message;
  /// The code was right.
  final bool verified;

  const OtpVerified({
    required this.success,
    required this.message,
    required this.verified,
  });

  factory OtpVerified.fromJson(Map<String, dynamic> json) => OtpVerified(
        success: json['success'] as bool,
        message: json['message'] as String,
        verified: json['verified'] as bool,
      );
}

/// A new code, valid from now on, and what its text is expected to cost.
class PricedOtpSent {
  /// The call did what it was asked to.
  final bool success;
  /// Names the message for as long as it is kept.
  final String messageId;
  /// Seconds for which the code is valid.
  final int expiresIn;
  /// There when a code asked for by WhatsApp went by SMS; it verifies under either channel. With `auto`: the
  /// channel that carries it first. One of `sms`, `whatsapp`, `email`.
  final String? sentBy;
  /// How many SMS the text takes.
  final int parts;
  /// Of the text; `ucs2` holds fewer characters. One of `gsm7`, `ucs2`.
  final String encoding;
  /// Septets of the GSM alphabet, or UTF-16 units, by its `encoding`.
  final int length;
  /// Of one SMS in MRU, to four digits; null where no price is set.
  final double? pricePerMessage;
  /// Of all `parts` in MRU, by the price of now; null where no price is set, 0 on the sandbox. What is
  /// charged follows from the carrier that accepts the message.
  final double? cost;

  const PricedOtpSent({
    required this.success,
    required this.messageId,
    required this.expiresIn,
    this.sentBy,
    required this.parts,
    required this.encoding,
    required this.length,
    required this.pricePerMessage,
    required this.cost,
  });

  factory PricedOtpSent.fromJson(Map<String, dynamic> json) => PricedOtpSent(
        success: json['success'] as bool,
        messageId: json['messageId'] as String,
        expiresIn: json['expiresIn'] as int,
        sentBy: json['sentBy'] as String?,
        parts: json['parts'] as int,
        encoding: json['encoding'] as String,
        length: json['length'] as int,
        pricePerMessage: json['pricePerMessage'] == null ? null : (json['pricePerMessage'] as num).toDouble(),
        cost: json['cost'] == null ? null : (json['cost'] as num).toDouble(),
      );
}

/// Written down durably; delivery follows. What it is expected to cost.
class PricedQueued {
  /// The call did what it was asked to.
  final bool success;
  /// Names the message for as long as it is kept.
  final String messageId;
  /// It waits for delivery.
  final bool queued;
  /// How many SMS the text takes.
  final int parts;
  /// Of the text; `ucs2` holds fewer characters. One of `gsm7`, `ucs2`.
  final String encoding;
  /// Septets of the GSM alphabet, or UTF-16 units, by its `encoding`.
  final int length;
  /// Of one SMS in MRU, to four digits; null where no price is set.
  final double? pricePerMessage;
  /// Of all `parts` in MRU, by the price of now; null where no price is set, 0 on the sandbox. What is
  /// charged follows from the carrier that accepts the message.
  final double? cost;

  const PricedQueued({
    required this.success,
    required this.messageId,
    required this.queued,
    required this.parts,
    required this.encoding,
    required this.length,
    required this.pricePerMessage,
    required this.cost,
  });

  factory PricedQueued.fromJson(Map<String, dynamic> json) => PricedQueued(
        success: json['success'] as bool,
        messageId: json['messageId'] as String,
        queued: json['queued'] as bool,
        parts: json['parts'] as int,
        encoding: json['encoding'] as String,
        length: json['length'] as int,
        pricePerMessage: json['pricePerMessage'] == null ? null : (json['pricePerMessage'] as num).toDouble(),
        cost: json['cost'] == null ? null : (json['cost'] as num).toDouble(),
      );
}

/// A rule that was broken.
class Problem {
  /// The field; empty when it is about the whole call.
  final List<String> path;
  /// For people; it may change.
  final String message;
  /// For programs; it does not change.
  final String code;
  /// With `rate_limited`: the window that is full. One of `minute`, `hour`, `day`.
  final String? window;
  /// With `rate_limited`, `daily_cap` and `budget_slowed`: how many are allowed.
  final int? limit;
  /// With `budget_exhausted`: whose budget it is. One of `key`, `gateway`.
  final String? budget;
  /// With `budget_exhausted`: what the budget is for. One of `day`, `month`.
  final String? period;
  /// With `budget_exhausted`: what all that was refused would have cost, to four digits.
  final double? requiredAmount;
  /// With `budget_exhausted`: what the budget has left.
  final double? remaining;
  /// With `budget_exhausted`: of both amounts.
  final String? currency;
  /// With `budget_exhausted`: when the budget starts again.
  final String? startsAgainAt;
  /// Seconds to wait, where waiting helps.
  final int? retryAfter;
  /// With `provider_error` and `provider_timeout`: what WhatsApp said.
  final String? reason;
  /// Whether the same call may succeed later.
  final bool? retryable;
  /// The message that the call made. With `provider_timeout` its code is valid and may still arrive.
  final String? messageId;

  const Problem({
    required this.path,
    required this.message,
    required this.code,
    this.window,
    this.limit,
    this.budget,
    this.period,
    this.requiredAmount,
    this.remaining,
    this.currency,
    this.startsAgainAt,
    this.retryAfter,
    this.reason,
    this.retryable,
    this.messageId,
  });

  factory Problem.fromJson(Map<String, dynamic> json) => Problem(
        path: [for (final one in json['path'] as List<dynamic>) one as String],
        message: json['message'] as String,
        code: json['code'] as String,
        window: json['window'] as String?,
        limit: json['limit'] as int?,
        budget: json['budget'] as String?,
        period: json['period'] as String?,
        requiredAmount: json['requiredAmount'] == null ? null : (json['requiredAmount'] as num).toDouble(),
        remaining: json['remaining'] == null ? null : (json['remaining'] as num).toDouble(),
        currency: json['currency'] as String?,
        startsAgainAt: json['startsAgainAt'] as String?,
        retryAfter: json['retryAfter'] as int?,
        reason: json['reason'] as String?,
        retryable: json['retryable'] as bool?,
        messageId: json['messageId'] as String?,
      );
}

/// Written down durably; delivery follows.
class Queued {
  /// The call did what it was asked to.
  final bool success;
  /// Names the message for as long as it is kept.
  final String messageId;
  /// It waits for delivery.
  final bool queued;

  const Queued({
    required this.success,
    required this.messageId,
    required this.queued,
  });

  factory Queued.fromJson(Map<String, dynamic> json) => Queued(
        success: json['success'] as bool,
        messageId: json['messageId'] as String,
        queued: json['queued'] as bool,
      );
}

/// Database, Valkey and the processes behind, told apart.
class Ready {
  /// Whether all parts work.
  final bool ready;
  /// Whether this part works. One of `ok`, `down`.
  final String database;
  /// Whether this part works. One of `ok`, `down`.
  final String valkey;
  /// Whether this part works. One of `ok`, `down`.
  final String relay;
  /// How many workers of each lane gave a sign lately.
  final Map<String, int> workers;

  const Ready({
    required this.ready,
    required this.database,
    required this.valkey,
    required this.relay,
    required this.workers,
  });

  factory Ready.fromJson(Map<String, dynamic> json) => Ready(
        ready: json['ready'] as bool,
        database: json['database'] as String,
        valkey: json['valkey'] as String,
        relay: json['relay'] as String,
        workers: (json['workers'] as Map<String, dynamic>).map((name, value) => MapEntry(name, value as int)),
      );
}

/// A text on the sandbox phone.
class Received {
  /// Names the message for as long as it is kept.
  final String messageId;
  /// How it came. One of `sms`, `whatsapp`, `email`.
  final String channel;
  /// As the phone shows it, codes in full.
  final String text;
  /// A time in UTC.
  final String receivedAt;

  const Received({
    required this.messageId,
    required this.channel,
    required this.text,
    required this.receivedAt,
  });

  factory Received.fromJson(Map<String, dynamic> json) => Received(
        messageId: json['messageId'] as String,
        channel: json['channel'] as String,
        text: json['text'] as String,
        receivedAt: json['receivedAt'] as String,
      );
}

/// What a number received, the newest last.
class ReceivedTexts {
  /// The call did what it was asked to.
  final bool success;
  /// At most `limit` of them.
  final List<Received> messages;

  const ReceivedTexts({
    required this.success,
    required this.messages,
  });

  factory ReceivedTexts.fromJson(Map<String, dynamic> json) => ReceivedTexts(
        success: json['success'] as bool,
        messages: [for (final one in json['messages'] as List<dynamic>) Received.fromJson(one as Map<String, dynamic>)],
      );
}

/// The events are due again.
class Replayed {
  /// The call did what it was asked to.
  final bool success;
  /// How many.
  final int replayed;

  const Replayed({
    required this.success,
    required this.replayed,
  });

  factory Replayed.fromJson(Map<String, dynamic> json) => Replayed(
        success: json['success'] as bool,
        replayed: json['replayed'] as int,
      );
}

/// The new secret. Until `previousUntil`, calls bear both signatures.
class SecretRotated {
  /// The call did what it was asked to.
  final bool success;
  /// What calls are signed with. It is shown in this answer only.
  final String secret;
  /// A time in UTC.
  final String previousUntil;

  const SecretRotated({
    required this.success,
    required this.secret,
    required this.previousUntil,
  });

  factory SecretRotated.fromJson(Map<String, dynamic> json) => SecretRotated(
        success: json['success'] as bool,
        secret: json['secret'] as String,
        previousUntil: json['previousUntil'] as String,
      );
}

/// A text to one phone.
class SendMessage {
  /// A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front. No
  /// blanks, no dashes.
  final String phoneNumber;
  /// The 11 characters of an Android app for SMS Retriever; they become the last line of the text. Ignored
  /// for WhatsApp and e-mail.
  final String? hash;
  /// The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530 characters of
  /// the GSM alphabet, or 670 UTF-16 units with any other character. No control characters but tab and line
  /// ends.
  final String message;

  const SendMessage({
    required this.phoneNumber,
    this.hash,
    required this.message,
  });

  Map<String, dynamic> toJson() => _given({
        'phoneNumber': phoneNumber,
        'hash': hash,
        'message': message,
      });
}

/// A `webhook.test` is on its way.
class TestSent {
  /// The call did what it was asked to.
  final bool success;
  /// The `webhook-id` that it bears.
  final String eventId;

  const TestSent({
    required this.success,
    required this.eventId,
  });

  factory TestSent.fromJson(Map<String, dynamic> json) => TestSent(
        success: json['success'] as bool,
        eventId: json['eventId'] as String,
      );
}

/// An endpoint, but for its secret.
class Webhook {
  /// Names the endpoint.
  final String webhookId;
  /// Where events go: by POST, over https.
  final String url;
  /// For people: one line of at most 80 characters.
  final String description;
  /// The events that it gets.
  final List<String> events;
  /// What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
  /// `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike. One of
  /// `standard`, `v2`.
  final String envelope;
  /// `failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`.
  final String state;
  /// Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`, `failing`.
  final String? disabledReason;
  /// A time in UTC.
  final String createdAt;
  /// When it was disabled; in UTC, or null.
  final String? disabledAt;
  /// When it began to fail; in UTC, or null.
  final String? failingSince;
  /// When it was last called; in UTC, or null.
  final String? lastAttemptAt;
  /// Of HTTP, in answer to the last call.
  final int? lastStatus;
  /// Why the last call failed.
  final String? lastError;

  const Webhook({
    required this.webhookId,
    required this.url,
    required this.description,
    required this.events,
    required this.envelope,
    required this.state,
    required this.disabledReason,
    required this.createdAt,
    required this.disabledAt,
    required this.failingSince,
    required this.lastAttemptAt,
    required this.lastStatus,
    required this.lastError,
  });

  factory Webhook.fromJson(Map<String, dynamic> json) => Webhook(
        webhookId: json['webhookId'] as String,
        url: json['url'] as String,
        description: json['description'] as String,
        events: [for (final one in json['events'] as List<dynamic>) one as String],
        envelope: json['envelope'] as String,
        state: json['state'] as String,
        disabledReason: json['disabledReason'] as String?,
        createdAt: json['createdAt'] as String,
        disabledAt: json['disabledAt'] as String?,
        failingSince: json['failingSince'] as String?,
        lastAttemptAt: json['lastAttemptAt'] as String?,
        lastStatus: json['lastStatus'] as int?,
        lastError: json['lastError'] as String?,
      );
}

/// The endpoints of this API key, oldest first.
class WebhookList {
  /// The call did what it was asked to.
  final bool success;
  /// At most ten.
  final List<Webhook> webhooks;

  const WebhookList({
    required this.success,
    required this.webhooks,
  });

  factory WebhookList.fromJson(Map<String, dynamic> json) => WebhookList(
        success: json['success'] as bool,
        webhooks: [for (final one in json['webhooks'] as List<dynamic>) Webhook.fromJson(one as Map<String, dynamic>)],
      );
}

/// A new endpoint with its secret.
class WebhookMade {
  /// Names the endpoint.
  final String webhookId;
  /// Where events go: by POST, over https.
  final String url;
  /// For people: one line of at most 80 characters.
  final String description;
  /// The events that it gets.
  final List<String> events;
  /// What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
  /// `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike. One of
  /// `standard`, `v2`.
  final String envelope;
  /// `failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`.
  final String state;
  /// Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`, `failing`.
  final String? disabledReason;
  /// A time in UTC.
  final String createdAt;
  /// When it was disabled; in UTC, or null.
  final String? disabledAt;
  /// When it began to fail; in UTC, or null.
  final String? failingSince;
  /// When it was last called; in UTC, or null.
  final String? lastAttemptAt;
  /// Of HTTP, in answer to the last call.
  final int? lastStatus;
  /// Why the last call failed.
  final String? lastError;
  /// The call did what it was asked to.
  final bool success;
  /// What calls are signed with. It is shown in this answer only.
  final String secret;

  const WebhookMade({
    required this.webhookId,
    required this.url,
    required this.description,
    required this.events,
    required this.envelope,
    required this.state,
    required this.disabledReason,
    required this.createdAt,
    required this.disabledAt,
    required this.failingSince,
    required this.lastAttemptAt,
    required this.lastStatus,
    required this.lastError,
    required this.success,
    required this.secret,
  });

  factory WebhookMade.fromJson(Map<String, dynamic> json) => WebhookMade(
        webhookId: json['webhookId'] as String,
        url: json['url'] as String,
        description: json['description'] as String,
        events: [for (final one in json['events'] as List<dynamic>) one as String],
        envelope: json['envelope'] as String,
        state: json['state'] as String,
        disabledReason: json['disabledReason'] as String?,
        createdAt: json['createdAt'] as String,
        disabledAt: json['disabledAt'] as String?,
        failingSince: json['failingSince'] as String?,
        lastAttemptAt: json['lastAttemptAt'] as String?,
        lastStatus: json['lastStatus'] as int?,
        lastError: json['lastError'] as String?,
        success: json['success'] as bool,
        secret: json['secret'] as String,
      );
}

/// An endpoint.
class WebhookShown {
  /// Names the endpoint.
  final String webhookId;
  /// Where events go: by POST, over https.
  final String url;
  /// For people: one line of at most 80 characters.
  final String description;
  /// The events that it gets.
  final List<String> events;
  /// What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
  /// `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike. One of
  /// `standard`, `v2`.
  final String envelope;
  /// `failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`.
  final String state;
  /// Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`, `failing`.
  final String? disabledReason;
  /// A time in UTC.
  final String createdAt;
  /// When it was disabled; in UTC, or null.
  final String? disabledAt;
  /// When it began to fail; in UTC, or null.
  final String? failingSince;
  /// When it was last called; in UTC, or null.
  final String? lastAttemptAt;
  /// Of HTTP, in answer to the last call.
  final int? lastStatus;
  /// Why the last call failed.
  final String? lastError;
  /// The call did what it was asked to.
  final bool success;

  const WebhookShown({
    required this.webhookId,
    required this.url,
    required this.description,
    required this.events,
    required this.envelope,
    required this.state,
    required this.disabledReason,
    required this.createdAt,
    required this.disabledAt,
    required this.failingSince,
    required this.lastAttemptAt,
    required this.lastStatus,
    required this.lastError,
    required this.success,
  });

  factory WebhookShown.fromJson(Map<String, dynamic> json) => WebhookShown(
        webhookId: json['webhookId'] as String,
        url: json['url'] as String,
        description: json['description'] as String,
        events: [for (final one in json['events'] as List<dynamic>) one as String],
        envelope: json['envelope'] as String,
        state: json['state'] as String,
        disabledReason: json['disabledReason'] as String?,
        createdAt: json['createdAt'] as String,
        disabledAt: json['disabledAt'] as String?,
        failingSince: json['failingSince'] as String?,
        lastAttemptAt: json['lastAttemptAt'] as String?,
        lastStatus: json['lastStatus'] as int?,
        lastError: json['lastError'] as String?,
        success: json['success'] as bool,
      );
}

/// The calls of a gateway, with one key.
///
/// A call that fails throws ChinqitError. Those that change nothing, and those that bear an Idempotency-Key, which is
/// made here unless you give one, are sent again when no answer came, and on 429, 500 and 503 with a Retry-After of no more
/// than [longestWait]: [retries] times at most. [timeout] is for a try. Call [close] when it is needed no more.
class Chinqit {
  final Uri _address;
  final String _key;
  final Duration timeout;
  final int retries;
  final Duration longestWait;
  final HttpClient _http = HttpClient();
  final Random _random = Random.secure();

  Chinqit(
    String address,
    String key, {
    this.timeout = const Duration(seconds: 20),
    this.retries = 2,
    this.longestWait = const Duration(seconds: 5),
  })  : _address = Uri.parse(address.trim().replaceFirst(RegExp(r'/+$'), '')),
        _key = key.trim() {
    if (!['http', 'https'].contains(_address.scheme) || _address.host.isEmpty) {
      throw ArgumentError.value(address, 'address', 'Not the address of a gateway');
    }
    if (!RegExp(r'^[!-~]+$').hasMatch(_key)) {
      throw ArgumentError('The key is empty, or holds characters that no key has');
    }
    _http.connectionTimeout = timeout;
    _http.userAgent = 'chinqit-dart/$version';
  }

  /// Let go of the connections.
  void close() => _http.close();

  /// Is anything wrong?
  Future<Alarm> alarm() =>
      _call(
        Alarm.fromJson,
        'GET',
        '/alarm',
        answers: const [200, 503],
        needsKey: false,
      );

  /// Is the web server up?
  Future<Alive> healthz() =>
      _call(
        Alive.fromJson,
        'GET',
        '/healthz',
        needsKey: false,
      );

  /// Look at your API key
  Future<Me> me() =>
      _call(
        Me.fromJson,
        'GET',
        '/me',
      );

  /// List messages
  ///
  /// - [limit]: How many at most.
  /// - [after]: `next` of the page before.
  /// - [direction]: `out`: what you sent. `in`: texts of phones that you wrote to last; then `status`, `kind`
  /// and `channel` are not taken, `phoneNumber` is who wrote, and each has `messageId`, `phoneNumber`, `to`,
  /// `text`, `segments`, `keyword` and `receivedAt`. One of `out`, `in`.
  /// - [status]: Only messages in this state. One of `queued`, `sending`, `sent`, `delivered`, `failed`,
  /// `expired`.
  /// - [channel]: Only messages on this channel. One of `sms`, `whatsapp`, `email`.
  /// - [kind]: Only texts, or only codes. One of `otp`, `message`.
  /// - [phoneNumber]: Only messages to this number, in any form.
  /// - [email]: Only codes to this e-mail address, in place of a number.
  /// - [from]: Accepted at this time or later.
  /// - [to]: Accepted before this time.
  Future<MessagePage> listMessages( {
    int? limit,
    String? after,
    String? direction,
    String? status,
    String? channel,
    String? kind,
    String? phoneNumber,
    String? email,
    String? from,
    String? to,
  }) =>
      _call(
        MessagePage.fromJson,
        'GET',
        '/messages',
        query: {
          'limit': limit,
          'after': after,
          'direction': direction,
          'status': status,
          'channel': channel,
          'kind': kind,
          'phoneNumber': phoneNumber,
          'email': email,
          'from': from,
          'to': to,
        },
      );

  /// Follow a message
  ///
  /// - [messageId]: As the call that sent it gave it.
  Future<Followed> followMessage(
    String messageId,) =>
      _call(
        Followed.fromJson,
        'GET',
        '/messages/${Uri.encodeComponent(messageId)}',
      );

  /// Send many texts
  ///
  /// - [messages]: 1 to 1,000 messages. One that breaks a rule does not hold back the others.
  Future<BatchTaken> sendBatch(
    List<SendMessage> messages, {
    String? idempotencyKey,
  }) =>
      _call(
        BatchTaken.fromJson,
        'POST',
        '/messages/batch',
        body: {
          'messages': messages,
        },
        idempotencyKey: idempotencyKey ?? _newName(),
      );

  /// Send a text
  ///
  /// - [phoneNumber]: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or
  /// +222 in front. No blanks, no dashes.
  /// - [message]: The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530
  /// characters of the GSM alphabet, or 670 UTF-16 units with any other character. No control characters but
  /// tab and line ends.
  /// - [hash]: The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
  /// Ignored for WhatsApp and e-mail.
  Future<Queued> sendMessage(
    String phoneNumber,
    String message, {
    String? hash,
    String? idempotencyKey,
  }) =>
      _call(
        Queued.fromJson,
        'POST',
        '/messages/send',
        body: {
          'phoneNumber': phoneNumber,
          'hash': hash,
          'message': message,
        },
        idempotencyKey: idempotencyKey ?? _newName(),
      );

  /// Send a code
  ///
  /// - [phoneNumber]: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or
  /// +222 in front. No blanks, no dashes.
  /// - [email]: With `channel` `email`, instead of the number: one address, without a name. Capital and small
  /// letters are the same. To send with `auto`, beside the number: the code goes there when the order comes
  /// to e-mail.
  /// - [channel]: How the code travels; in any case of letters. `auto`: by the channels of the key's order,
  /// one after the other, until the code is verified; by SMS where the key has none. One of `sms`,
  /// `whatsapp`, `email`, `auto`.
  /// - [language]: Of the text around the code. Of a locale such as `fr-FR`, what stands in front decides.
  /// Left out: the one that the owner chose, French at first. One of `fr`, `en`, `ar`.
  /// - [hash]: The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
  /// Ignored for WhatsApp and e-mail.
  Future<OtpSent> sendOtp( {
    String? phoneNumber,
    String? email,
    String? channel,
    String? language,
    String? hash,
    String? idempotencyKey,
  }) =>
      _call(
        OtpSent.fromJson,
        'POST',
        '/otp/send',
        body: {
          'phoneNumber': phoneNumber,
          'email': email,
          'channel': channel,
          'language': language,
          'hash': hash,
        },
        idempotencyKey: idempotencyKey ?? _newName(),
      );

  /// Check a code
  ///
  /// - [otp]: The six digits, as a string. Anything else is refused and costs no try.
  /// - [phoneNumber]: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or
  /// +222 in front. No blanks, no dashes.
  /// - [email]: With `channel` `email`, instead of the number: one address, without a name. Capital and small
  /// letters are the same. To send with `auto`, beside the number: the code goes there when the order comes
  /// to e-mail.
  /// - [channel]: How the code travels; in any case of letters. `auto`: by the channels of the key's order,
  /// one after the other, until the code is verified; by SMS where the key has none. One of `sms`,
  /// `whatsapp`, `email`, `auto`.
  Future<OtpVerified> verifyOtp(
    String otp, {
    String? phoneNumber,
    String? email,
    String? channel,
    String? idempotencyKey,
  }) =>
      _call(
        OtpVerified.fromJson,
        'POST',
        '/otp/verify',
        body: {
          'phoneNumber': phoneNumber,
          'email': email,
          'channel': channel,
          'otp': otp,
        },
        idempotencyKey: idempotencyKey ?? _newName(),
      );

  /// Does everything behind it work?
  Future<Ready> readyz() =>
      _call(
        Ready.fromJson,
        'GET',
        '/readyz',
        answers: const [200, 503],
        needsKey: false,
      );

  /// Read the sandbox phone
  ///
  /// - [phoneNumber]: The number, in any form.
  /// - [email]: The e-mail address, in place of a number.
  /// - [limit]: How many at most.
  Future<ReceivedTexts> readInbox( {
    String? phoneNumber,
    String? email,
    int? limit,
  }) =>
      _call(
        ReceivedTexts.fromJson,
        'GET',
        '/sandbox/inbox',
        query: {
          'phoneNumber': phoneNumber,
          'email': email,
          'limit': limit,
        },
      );

  /// List webhooks
  Future<WebhookList> listWebhooks() =>
      _call(
        WebhookList.fromJson,
        'GET',
        '/webhooks',
      );

  /// Create a webhook
  ///
  /// - [url]: Where events go: by POST, over https.
  /// - [events]: The events that it wants; left out: all, but for `message.rejected` in the `standard`
  /// envelope. One of `message.sent`, `message.delivered`, `message.failed`, `message.expired`,
  /// `message.rejected`, `message.received`, `otp.verified`, `otp.exhausted`, `bulk.completed`.
  /// - [description]: For people: one line of at most 80 characters.
  /// - [envelope]: What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`,
  /// `type`, `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike.
  /// One of `standard`, `v2`.
  Future<WebhookMade> createWebhook(
    String url, {
    List<String>? events,
    String? description,
    String? envelope,
    String? idempotencyKey,
  }) =>
      _call(
        WebhookMade.fromJson,
        'POST',
        '/webhooks',
        body: {
          'url': url,
          'events': events,
          'description': description,
          'envelope': envelope,
        },
        idempotencyKey: idempotencyKey ?? _newName(),
      );

  /// Look at a webhook
  ///
  /// - [webhookId]: As the call that made it gave it.
  Future<WebhookShown> showWebhook(
    String webhookId,) =>
      _call(
        WebhookShown.fromJson,
        'GET',
        '/webhooks/${Uri.encodeComponent(webhookId)}',
      );

  /// Change a webhook
  ///
  /// - [webhookId]: As the call that made it gave it.
  /// - [url]: Where events go: by POST, over https.
  /// - [events]: The events that it wants. One of `message.sent`, `message.delivered`, `message.failed`,
  /// `message.expired`, `message.rejected`, `message.received`, `otp.verified`, `otp.exhausted`,
  /// `bulk.completed`.
  /// - [description]: For people: one line of at most 80 characters.
  /// - [envelope]: What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`,
  /// `type`, `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike.
  /// One of `standard`, `v2`.
  /// - [enabled]: `false` stops all calls.
  Future<WebhookShown> changeWebhook(
    String webhookId, {
    String? url,
    List<String>? events,
    String? description,
    String? envelope,
    bool? enabled,
  }) =>
      _call(
        WebhookShown.fromJson,
        'PATCH',
        '/webhooks/${Uri.encodeComponent(webhookId)}',
        body: {
          'url': url,
          'events': events,
          'description': description,
          'envelope': envelope,
          'enabled': enabled,
        },
      );

  /// Delete a webhook
  ///
  /// - [webhookId]: As the call that made it gave it.
  Future<Done> deleteWebhook(
    String webhookId,) =>
      _call(
        Done.fromJson,
        'DELETE',
        '/webhooks/${Uri.encodeComponent(webhookId)}',
      );

  /// List its attempts
  ///
  /// - [webhookId]: As the call that made it gave it.
  /// - [limit]: How many at most.
  /// - [after]: `next` of the page before.
  Future<Attempts> listAttempts(
    String webhookId, {
    int? limit,
    int? after,
  }) =>
      _call(
        Attempts.fromJson,
        'GET',
        '/webhooks/${Uri.encodeComponent(webhookId)}/attempts',
        query: {
          'limit': limit,
          'after': after,
        },
      );

  /// Replay events
  ///
  /// - [webhookId]: As the call that made it gave it.
  /// - [eventId]: The `webhook-id` of one event.
  /// - [since]: Of a period: events from here on.
  /// - [until]: Of a period: up to here; now, if left out.
  /// - [only]: Of a period: only what has not arrived, or all. One of `undelivered`, `all`.
  Future<Replayed> replayEvents(
    String webhookId, {
    String? eventId,
    String? since,
    String? until,
    String? only,
  }) =>
      _call(
        Replayed.fromJson,
        'POST',
        '/webhooks/${Uri.encodeComponent(webhookId)}/replay',
        body: {
          'eventId': eventId,
          'since': since,
          'until': until,
          'only': only,
        },
      );

  /// Rotate its secret
  ///
  /// - [webhookId]: As the call that made it gave it.
  Future<SecretRotated> rotateSecret(
    String webhookId,) =>
      _call(
        SecretRotated.fromJson,
        'POST',
        '/webhooks/${Uri.encodeComponent(webhookId)}/rotate',
      );

  /// Send a test event
  ///
  /// - [webhookId]: As the call that made it gave it.
  Future<TestSent> testWebhook(
    String webhookId,) =>
      _call(
        TestSent.fromJson,
        'POST',
        '/webhooks/${Uri.encodeComponent(webhookId)}/test',
      );

  /// Send texts to many numbers
  ///
  /// - [recipients]: 1 to 50,000 rows. One that breaks a rule does not hold back the others.
  /// - [name]: For people: at most 80 characters.
  /// - [scheduledAt]: When it begins, at most 7 days from now; left out: now.
  /// - [pace]: Texts a second at the most; left out: as many as the carriers take.
  /// - [urgent]: `true`: it does not wait for the end of quiet hours.
  Future<BulkTaken> sendBulk(
    List<BulkRecipient> recipients, {
    String? name,
    String? scheduledAt,
    int? pace,
    bool? urgent,
    String? idempotencyKey,
  }) =>
      _call(
        BulkTaken.fromJson,
        'POST',
        '/api/v2/bulk/send',
        body: {
          'recipients': recipients,
          'name': name,
          'scheduledAt': scheduledAt,
          'pace': pace,
          'urgent': urgent,
        },
        idempotencyKey: idempotencyKey ?? _newName(),
        answers: const [202],
      );

  /// Follow a batch
  ///
  /// - [batchId]: As the call that sent it gave it.
  Future<BulkStatus> followBulk(
    String batchId,) =>
      _call(
        BulkStatus.fromJson,
        'GET',
        '/api/v2/bulk/status/${Uri.encodeComponent(batchId)}',
      );

  /// Check a code
  ///
  /// - [otp]: The six digits, as a string. Anything else is refused and costs no try.
  /// - [phoneNumber]: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or
  /// +222 in front. No blanks, no dashes.
  /// - [email]: With `channel` `email`, instead of the number: one address, without a name. Capital and small
  /// letters are the same. To send with `auto`, beside the number: the code goes there when the order comes
  /// to e-mail.
  /// - [channel]: How the code travels; in any case of letters. `auto`: by the channels of the key's order,
  /// one after the other, until the code is verified; by SMS where the key has none. One of `sms`,
  /// `whatsapp`, `email`, `auto`.
  Future<OtpVerified> verifyOtpV2(
    String otp, {
    String? phoneNumber,
    String? email,
    String? channel,
    String? idempotencyKey,
  }) =>
      _call(
        OtpVerified.fromJson,
        'POST',
        '/api/v2/check',
        body: {
          'phoneNumber': phoneNumber,
          'email': email,
          'channel': channel,
          'otp': otp,
        },
        idempotencyKey: idempotencyKey ?? _newName(),
      );

  /// Send a code
  ///
  /// - [phoneNumber]: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or
  /// +222 in front. No blanks, no dashes.
  /// - [email]: With `channel` `email`, instead of the number: one address, without a name. Capital and small
  /// letters are the same. To send with `auto`, beside the number: the code goes there when the order comes
  /// to e-mail.
  /// - [channel]: How the code travels; in any case of letters. `auto`: by the channels of the key's order,
  /// one after the other, until the code is verified; by SMS where the key has none. One of `sms`,
  /// `whatsapp`, `email`, `auto`.
  /// - [language]: Of the text around the code. Of a locale such as `fr-FR`, what stands in front decides.
  /// Left out: the one that the owner chose, French at first. One of `fr`, `en`, `ar`.
  /// - [hash]: The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
  /// Ignored for WhatsApp and e-mail.
  Future<PricedOtpSent> sendOtpV2( {
    String? phoneNumber,
    String? email,
    String? channel,
    String? language,
    String? hash,
    String? idempotencyKey,
  }) =>
      _call(
        PricedOtpSent.fromJson,
        'POST',
        '/api/v2/code',
        body: {
          'phoneNumber': phoneNumber,
          'email': email,
          'channel': channel,
          'language': language,
          'hash': hash,
        },
        idempotencyKey: idempotencyKey ?? _newName(),
      );

  /// Send a text
  ///
  /// - [phoneNumber]: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or
  /// +222 in front. No blanks, no dashes.
  /// - [message]: The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530
  /// characters of the GSM alphabet, or 670 UTF-16 units with any other character. No control characters but
  /// tab and line ends.
  /// - [hash]: The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
  /// Ignored for WhatsApp and e-mail.
  Future<PricedQueued> sendMessageV2(
    String phoneNumber,
    String message, {
    String? hash,
    String? idempotencyKey,
  }) =>
      _call(
        PricedQueued.fromJson,
        'POST',
        '/api/v2/notify',
        body: {
          'phoneNumber': phoneNumber,
          'hash': hash,
          'message': message,
        },
        idempotencyKey: idempotencyKey ?? _newName(),
      );

  Future<T> _call<T>(
    T Function(Map<String, dynamic>) read,
    String method,
    String path, {
    Map<String, dynamic> query = const {},
    Map<String, dynamic>? body,
    String? idempotencyKey,
    List<int> answers = const [200],
    bool needsKey = true,
  }) async {
    final asked = _given(query).map((name, value) => MapEntry(name, '$value'));
    final search = asked.isEmpty ? '' : '?${Uri(queryParameters: asked).query}';
    final url = Uri.parse('$_address$path$search');
    final headers = {
      'Accept': 'application/json',
      if (needsKey) 'X-API-Key': _key,
      if (idempotencyKey != null) 'Idempotency-Key': idempotencyKey,
      if (body != null) 'Content-Type': 'application/json',
    };
    final content = body == null ? null : utf8.encode(jsonEncode(_given(body)));
    final most = method == 'GET' || idempotencyKey != null ? retries : 0;
    for (var tried = 0;; tried++) {
      try {
        return await _ask(read, method, url, headers, content, answers);
      } on ChinqitError catch (error) {
        final wait = _wait(error, tried);
        if (tried == most || wait == null) rethrow;
        await Future<void>.delayed(wait);
      }
    }
  }

  Future<T> _ask<T>(
    T Function(Map<String, dynamic>) read,
    String method,
    Uri url,
    Map<String, String> headers,
    List<int>? content,
    List<int> answers,
  ) async {
    final (response, text) = await _send(method, url, headers, content);
    final body = _parsed(text);
    if (!answers.contains(response.statusCode)) throw _refusal(response, body);
    try {
      return read(body);
    } on TypeError {
      throw ChinqitError(
        'unexpected_answer',
        "The answer is not one of this gateway's version",
        status: response.statusCode,
        requestId: response.headers.value('X-Request-Id'),
      );
    }
  }

  Future<(HttpClientResponse, String)> _send(
    String method,
    Uri url,
    Map<String, String> headers,
    List<int>? content,
  ) async {
    HttpClientRequest? opened;
    Future<(HttpClientResponse, String)> exchange() async {
      final request = await _http.openUrl(method, url);
      opened = request;
      request.followRedirects = false;
      headers.forEach(request.headers.set);
      if (content != null) {
        request.contentLength = content.length;
        request.add(content);
      }
      final response = await request.close();
      return (response, await response.transform(const Utf8Decoder(allowMalformed: true)).join());
    }

    try {
      return await exchange().timeout(timeout);
    } on TimeoutException {
      opened?.abort();
      throw const ChinqitError('timeout', 'The gateway did not answer in time');
    } on IOException catch (fault) {
      throw ChinqitError('connection_failed', '$fault');
    }
  }

  /// After which a call may be sent again; null: it may not.
  Duration? _wait(ChinqitError error, int tried) {
    if (error.code == 'timeout' || error.code == 'connection_failed') {
      // Not at the same time for all callers, so that they do not come back at once.
      return Duration(milliseconds: (250 + _random.nextInt(251)) << tried);
    }
    final retryAfter = error.retryAfter;
    if (!const [429, 500, 503].contains(error.status) || retryAfter == null) return null;
    final wait = Duration(seconds: retryAfter);
    return wait <= longestWait ? wait : null;
  }

  String _newName() =>
      [for (var place = 0; place < 16; place++) _random.nextInt(256).toRadixString(16).padLeft(2, '0')].join();
}

/// The event that a call to your webhook bears; throws ChinqitError when it is not genuine or older than [tolerance].
///
/// Give the headers and the body as they came, byte for byte, before a framework reads it. While secrets are being
/// rotated, several may be given; one right signature is enough. What is checked is Standard Webhooks 1.0.
Map<String, dynamic> verifyWebhook(
  List<String> secrets,
  Map<String, String> headers,
  List<int> body, {
  Duration tolerance = const Duration(minutes: 5),
}) {
  final given = headers.map((name, value) => MapEntry(name.toLowerCase(), value));
  final sent = given['webhook-timestamp'] ?? '';
  final signed = [...utf8.encode('${given['webhook-id'] ?? ''}.$sent.'), ...body];
  final signatures = (given['webhook-signature'] ?? '').split(' ');
  var right = false;
  for (final secret in secrets) {
    final key = base64.decode(secret.trim().replaceFirst(RegExp('^whsec_'), ''));
    final wanted = 'v1,${base64.encode(hmacSha256(key, signed))}';
    for (final signature in signatures) {
      right = _isSame(wanted, signature) || right;
    }
  }
  if (!right) throw const ChinqitError('webhook_signature', 'No signature of this call is right');
  final seconds = RegExp(r'^\d{1,12}$').hasMatch(sent) ? int.parse(sent) : 0;
  final age = DateTime.now().millisecondsSinceEpoch - seconds * 1000;
  if (age.abs() > tolerance.inMilliseconds) {
    throw const ChinqitError('webhook_time', 'This call was signed too long ago, or in the future');
  }
  return jsonDecode(utf8.decode(body)) as Map<String, dynamic>;
}

ChinqitError _refusal(HttpClientResponse response, Map<String, dynamic> body) {
  final isOurs = body['success'] == false;
  final errors = [
    if (isOurs)
      for (final one in body['errors'] as List<dynamic>? ?? const []) Problem.fromJson(one as Map<String, dynamic>),
  ];
  final status = response.statusCode;
  final message = body['message'];
  final told = [for (final one in errors) one.retryAfter].whereType<int>();
  return ChinqitError(
    errors.isNotEmpty ? errors.first.code : (isOurs ? _codes[status] : null) ?? 'http_$status',
    message is String ? message : 'HTTP $status',
    status: status,
    requestId: response.headers.value('X-Request-Id'),
    retryAfter: int.tryParse(response.headers.value('Retry-After') ?? '') ?? told.firstOrNull,
    errors: errors,
    body: body,
  );
}

/// An object; an empty one where the text holds none.
Map<String, dynamic> _parsed(String text) {
  try {
    final value = jsonDecode(text);
    return value is Map<String, dynamic> ? value : {};
  } on FormatException {
    return {};
  }
}

Map<String, dynamic> _given(Map<String, dynamic> fields) => {
      for (final MapEntry(:key, :value) in fields.entries)
        if (value != null) key: value,
    };

/// Takes as long whatever differs, but for the length.
bool _isSame(String one, String other) {
  if (one.length != other.length) return false;
  var differs = 0;
  for (var place = 0; place < one.length; place++) {
    differs |= one.codeUnitAt(place) ^ other.codeUnitAt(place);
  }
  return differs == 0;
}

/// HMAC with SHA-256 (RFC 2104), which Dart itself does not bring.
Uint8List hmacSha256(List<int> key, List<int> message) {
  final block = Uint8List(64);
  block.setAll(0, key.length > 64 ? sha256(key) : key);
  final inner = sha256([for (final byte in block) byte ^ 0x36, ...message]);
  return sha256([for (final byte in block) byte ^ 0x5c, ...inner]);
}

/// SHA-256 (FIPS 180-4).
Uint8List sha256(List<int> message) {
  final zeros = (64 + 55 - message.length % 64) % 64;
  final padded = Uint8List(message.length + 9 + zeros);
  padded.setAll(0, message);
  padded[message.length] = 0x80;
  final bytes = ByteData.sublistView(padded);
  bytes.setUint32(padded.length - 8, message.length ~/ 0x20000000);
  bytes.setUint32(padded.length - 4, (message.length << 3) & 0xffffffff);
  final hash = Uint32List.fromList(_start);
  final words = Uint32List(64);
  for (var begin = 0; begin < padded.length; begin += 64) {
    for (var i = 0; i < 16; i++) {
      words[i] = bytes.getUint32(begin + 4 * i);
    }
    for (var i = 16; i < 64; i++) {
      final w15 = words[i - 15];
      final w2 = words[i - 2];
      final s0 = _turned(w15, 7) ^ _turned(w15, 18) ^ (w15 >>> 3);
      final s1 = _turned(w2, 17) ^ _turned(w2, 19) ^ (w2 >>> 10);
      words[i] = words[i - 16] + s0 + words[i - 7] + s1;
    }
    final v = Uint32List.fromList(hash);
    for (var i = 0; i < 64; i++) {
      final s1 = _turned(v[4], 6) ^ _turned(v[4], 11) ^ _turned(v[4], 25);
      final choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
      final first = v[7] + s1 + choice + _rounds[i] + words[i];
      final s0 = _turned(v[0], 2) ^ _turned(v[0], 13) ^ _turned(v[0], 22);
      final majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
      for (var place = 7; place > 0; place--) {
        v[place] = v[place - 1];
      }
      v[4] += first;
      v[0] = first + s0 + majority;
    }
    for (var i = 0; i < 8; i++) {
      hash[i] += v[i];
    }
  }
  final digest = ByteData(32);
  for (var i = 0; i < 8; i++) {
    digest.setUint32(4 * i, hash[i]);
  }
  return digest.buffer.asUint8List();
}

/// A word of 32 bits, rotated to the right.
int _turned(int word, int by) => (word >>> by) | ((word << (32 - by)) & 0xffffffff);

const _start = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];
const _rounds = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];
