<?php

/*
 * Client of Chinqit Gateway 0.1.0, for PHP 8.1 and newer. It needs the extensions curl and json, and nothing else.
 *
 *     require 'chinqit.php';
 *
 *     $gateway = new Chinqit\Chinqit('https://sms.example.mr', getenv('CHINQIT_KEY'));
 *     $gateway->sendMessage('+22238089336', 'Votre colis est arrivé.');
 *
 * The gateway makes this file from the description of its API. Change nothing here: take the file of the newer gateway.
 */

declare(strict_types=1);

namespace Chinqit;

const VERSION = '0.1.0';

/**
 * A call that did not do what it was asked to, or a webhook that is not genuine.
 *
 * `errorCode` is what to branch on: the code of the gateway's answer, or one of `connection_failed`, `timeout`,
 * `unexpected_answer`, `webhook_signature` and `webhook_time`. `status` is that of HTTP, 0 without an answer. `errors`
 * has one item for each rule that was broken, `retryAfter` are seconds, `body` is the whole answer.
 */
final class ChinqitError extends \RuntimeException
{
    /** Tries that are left for a code, where the answer says so. */
    public readonly ?int $retriesLeft;

    /**
     * @param list<Problem> $errors
     * @param array<string, mixed> $body
     */
    public function __construct(
        public readonly string $errorCode,
        string $message,
        public readonly int $status = 0,
        public readonly ?string $requestId = null,
        public readonly ?int $retryAfter = null,
        public readonly array $errors = [],
        public readonly array $body = [],
        ?\Throwable $previous = null,
    ) {
        $left = $body['retriesLeft'] ?? null;
        $this->retriesLeft = is_int($left) ? $left : null;
        $details = array_map(
            static fn (Problem $one) => ($one->path ? implode('.', $one->path) . ': ' : '') . $one->message,
            $errors,
        );
        parent::__construct(implode('; ', [$message, ...$details]) . " ($errorCode)", 0, $previous);
    }
}

/** What is wrong, by code. */
final class Alarm
{
    public function __construct(
        /** @var bool Whether nothing is wrong. */
        public readonly bool $ok,
        /** @var list<string> What is wrong, such as no_worker, backlog, carrier_down, disk or database. */
        public readonly array $causes,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            ok: $data['ok'] ?? null,
            causes: $data['causes'] ?? null,
        );
    }
}

/** The web server answers. */
final class Alive
{
    public function __construct(
        /** @var string It answers. */
        public readonly string $status,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            status: $data['status'] ?? null,
        );
    }
}

/** A call to the endpoint. */
final class Attempt
{
    public function __construct(
        /** @var string The `webhook-id`. */
        public readonly string $eventId,
        /** @var string What happened. */
        public readonly string $type,
        /** @var int 1 for the first. */
        public readonly int $attempt,
        /** @var string A time in UTC. */
        public readonly string $at,
        /** @var int|null Of HTTP; null without an answer. */
        public readonly int|null $status,
        /** @var string|null Why it failed; null when it did not. */
        public readonly string|null $error,
        /** @var int Milliseconds until the answer. */
        public readonly int $durationMs,
        /** @var string Its first 1,000 characters. */
        public readonly string $answer,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            eventId: $data['eventId'] ?? null,
            type: $data['type'] ?? null,
            attempt: $data['attempt'] ?? null,
            at: $data['at'] ?? null,
            status: $data['status'] ?? null,
            error: $data['error'] ?? null,
            durationMs: $data['durationMs'] ?? null,
            answer: $data['answer'] ?? null,
        );
    }
}

/** Calls to the endpoint, the newest first. */
final class Attempts
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var list<Attempt> At most `limit` of them. */
        public readonly array $attempts,
        /** @var int|null Give it as `after`; null on the last page. */
        public readonly int|null $next,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            attempts: array_map(static fn (array $one) => Attempt::of($one), $data['attempts'] ?? null),
            next: $data['next'] ?? null,
        );
    }
}

/** What became of each message of the batch, in the order sent. */
final class BatchTaken
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var list<Queued|NotQueued> One for each message, in the same order. */
        public readonly array $results,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            results: array_map(static fn (array $one) => isset($one['messageId']) ? Queued::of($one) : NotQueued::of($one), $data['results'] ?? null),
        );
    }
}

/** A text to one phone. */
final class BulkRecipient implements \JsonSerializable
{
    public function __construct(
        /** @var string A Mauritanian number, in the forms that `phoneNumber` has elsewhere. */
        public readonly string $phone,
        /** @var string The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530
         * characters of the GSM alphabet, or 670 UTF-16 units with any other character. No control characters
         * but tab and line ends. */
        public readonly string $message,
    ) {
    }

    /** @return array<string, mixed> */
    public function jsonSerialize(): array
    {
        return given(get_object_vars($this));
    }
}

/** How far a batch has come. */
final class BulkStatus
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string Names the batch. */
        public readonly string $batchId,
        /** @var string As it was given. */
        public readonly string $name,
        /** @var 'scheduled'|'processing'|'paused'|'completed'|'cancelled' `completed`: every text has left, or never will; receipts may still follow. The gateway's team
         * pauses and cancels batches. One of `scheduled`, `processing`, `paused`, `completed`, `cancelled`. */
        public readonly string $status,
        /** @var int Rows that were taken. */
        public readonly int $totalValid,
        /** @var int Rows that were left out. */
        public readonly int $totalInvalid,
        /** @var int Rows whose turn has not come. */
        public readonly int $waiting,
        /** @var int Messages that wait for their carrier or are under way. */
        public readonly int $queued,
        /** @var int Messages that a carrier took, and no more is known. */
        public readonly int $sent,
        /** @var int Messages that arrived. */
        public readonly int $delivered,
        /** @var int Messages that failed or expired. */
        public readonly int $failed,
        /** @var int Rows that no message was made of: opted out, or the batch was cancelled. */
        public readonly int $skipped,
        /** @var float As it was answered when it was sent. */
        public readonly float $estimatedCost,
        /** @var string A time in UTC. */
        public readonly string $createdAt,
        /** @var string|null When it ended, in UTC; null: it has not. */
        public readonly string|null $completedAt,
        /** @var string|null When it begins, or goes on after quiet hours. */
        public readonly string|null $waitsUntil = null,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            batchId: $data['batchId'] ?? null,
            name: $data['name'] ?? null,
            status: $data['status'] ?? null,
            totalValid: $data['totalValid'] ?? null,
            totalInvalid: $data['totalInvalid'] ?? null,
            waiting: $data['waiting'] ?? null,
            queued: $data['queued'] ?? null,
            sent: $data['sent'] ?? null,
            delivered: $data['delivered'] ?? null,
            failed: $data['failed'] ?? null,
            skipped: $data['skipped'] ?? null,
            estimatedCost: $data['estimatedCost'] ?? null,
            waitsUntil: $data['waitsUntil'] ?? null,
            createdAt: $data['createdAt'] ?? null,
            completedAt: $data['completedAt'] ?? null,
        );
    }
}

/** Written down durably; the texts follow. */
final class BulkTaken
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string Names the batch. */
        public readonly string $batchId,
        /** @var int Rows that were taken. */
        public readonly int $totalValid,
        /** @var int Rows that broke a rule and were left out. */
        public readonly int $totalInvalid,
        /** @var float What all of it costs at the most, in MRU, by the prices of now; 0 where a price is missing. */
        public readonly float $estimatedCost,
        /** @var 'processing'|'scheduled' What it does. One of `processing`, `scheduled`. */
        public readonly string $status,
        /** @var list<InvalidRecipient> The first 1,000 rows that were left out, in the order given. */
        public readonly array $invalidRecipients,
        /** @var string|null For people; it may change. */
        public readonly string|null $message = null,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            message: $data['message'] ?? null,
            batchId: $data['batchId'] ?? null,
            totalValid: $data['totalValid'] ?? null,
            totalInvalid: $data['totalInvalid'] ?? null,
            estimatedCost: $data['estimatedCost'] ?? null,
            status: $data['status'] ?? null,
            invalidRecipients: array_map(static fn (array $one) => InvalidRecipient::of($one), $data['invalidRecipients'] ?? null),
        );
    }
}

/** How much this key may send in a day (UTC), to all numbers together. */
final class Caps
{
    public function __construct(
        /** @var int|null Texts; null: no cap. */
        public readonly int|null $messages,
        /** @var int|null Codes; null: no cap. */
        public readonly int|null $codes,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            messages: $data['messages'] ?? null,
            codes: $data['codes'] ?? null,
        );
    }
}

/** A message, but for its text. */
final class Described
{
    public function __construct(
        /** @var string Names the message for as long as it is kept. */
        public readonly string $messageId,
        /** @var 'otp'|'message' A text or a code. One of `otp`, `message`. */
        public readonly string $kind,
        /** @var 'sms'|'whatsapp'|'email' How it travels. One of `sms`, `whatsapp`, `email`. */
        public readonly string $channel,
        /** @var string|null The number in full; null of a code by e-mail. */
        public readonly string|null $phoneNumber,
        /** @var 'queued'|'sending'|'sent'|'delivered'|'failed'|'expired' `queued`, `sending`, `sent`, `delivered`; or it ended as `failed`, or as `expired` because its time
         * passed before it could be sent. It never goes back. One of `queued`, `sending`, `sent`,
         * `delivered`, `failed`, `expired`. */
        public readonly string $status,
        /** @var 'gsm7'|'ucs2' Of the SMS. One of `gsm7`, `ucs2`. */
        public readonly string $encoding,
        /** @var int How many SMS it takes. */
        public readonly int $segments,
        /** @var string|null What phones show as its sender: that of the key, where the carrier allows it, else the carrier's
         * own. null where neither has one. */
        public readonly string|null $sender,
        /** @var string A time in UTC. */
        public readonly string $createdAt,
        /** @var string|null The carrier took it at this time, in UTC; null: it did not. */
        public readonly string|null $sentAt,
        /** @var string|null It arrived at this time, in UTC; null: it did not. */
        public readonly string|null $deliveredAt,
        /** @var string|null It was given up at this time, in UTC; null: it did not. */
        public readonly string|null $failedAt,
        /** @var string|null Its time had passed at this time, in UTC; null: it did not. */
        public readonly string|null $expiredAt,
        /** @var 'sms'|'whatsapp'|'email'|null The channel that the carrier took it on; `sms` also for a code by WhatsApp that went by SMS. Of a
         * code by `auto`: the last channel that carried it. One of `sms`, `whatsapp`, `email`. */
        public readonly string|null $sentBy,
        /** @var string|null Why the last try to send it failed. */
        public readonly string|null $errorCode,
        /** @var string|null What proved delivery: the carrier's `receipt`, or the verified `otp`. */
        public readonly string|null $confirmedBy,
        /** @var list<Moved> The states it went through, in order. */
        public readonly array $statusHistory,
        /** @var string|null Of a code by e-mail: the address in full. */
        public readonly string|null $email = null,
        /** @var list<InTurn>|null Of a code by `auto`: the messages that carry it, in the order of its key; this message is one of
         * them. */
        public readonly array|null $steps = null,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            messageId: $data['messageId'] ?? null,
            kind: $data['kind'] ?? null,
            channel: $data['channel'] ?? null,
            phoneNumber: $data['phoneNumber'] ?? null,
            email: $data['email'] ?? null,
            status: $data['status'] ?? null,
            encoding: $data['encoding'] ?? null,
            segments: $data['segments'] ?? null,
            sender: $data['sender'] ?? null,
            createdAt: $data['createdAt'] ?? null,
            sentAt: $data['sentAt'] ?? null,
            deliveredAt: $data['deliveredAt'] ?? null,
            failedAt: $data['failedAt'] ?? null,
            expiredAt: $data['expiredAt'] ?? null,
            sentBy: $data['sentBy'] ?? null,
            errorCode: $data['errorCode'] ?? null,
            confirmedBy: $data['confirmedBy'] ?? null,
            statusHistory: array_map(static fn (array $one) => Moved::of($one), $data['statusHistory'] ?? null),
            steps: isset($data['steps']) ? array_map(static fn (array $one) => InTurn::of($one), $data['steps']) : null,
        );
    }
}

/** It is done. */
final class Done
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
        );
    }
}

/** What became of a message. Never its text. */
final class Followed
{
    public function __construct(
        /** @var string Names the message for as long as it is kept. */
        public readonly string $messageId,
        /** @var 'otp'|'message' A text or a code. One of `otp`, `message`. */
        public readonly string $kind,
        /** @var 'sms'|'whatsapp'|'email' How it travels. One of `sms`, `whatsapp`, `email`. */
        public readonly string $channel,
        /** @var string|null The number in full; null of a code by e-mail. */
        public readonly string|null $phoneNumber,
        /** @var 'queued'|'sending'|'sent'|'delivered'|'failed'|'expired' `queued`, `sending`, `sent`, `delivered`; or it ended as `failed`, or as `expired` because its time
         * passed before it could be sent. It never goes back. One of `queued`, `sending`, `sent`,
         * `delivered`, `failed`, `expired`. */
        public readonly string $status,
        /** @var 'gsm7'|'ucs2' Of the SMS. One of `gsm7`, `ucs2`. */
        public readonly string $encoding,
        /** @var int How many SMS it takes. */
        public readonly int $segments,
        /** @var string|null What phones show as its sender: that of the key, where the carrier allows it, else the carrier's
         * own. null where neither has one. */
        public readonly string|null $sender,
        /** @var string A time in UTC. */
        public readonly string $createdAt,
        /** @var string|null The carrier took it at this time, in UTC; null: it did not. */
        public readonly string|null $sentAt,
        /** @var string|null It arrived at this time, in UTC; null: it did not. */
        public readonly string|null $deliveredAt,
        /** @var string|null It was given up at this time, in UTC; null: it did not. */
        public readonly string|null $failedAt,
        /** @var string|null Its time had passed at this time, in UTC; null: it did not. */
        public readonly string|null $expiredAt,
        /** @var 'sms'|'whatsapp'|'email'|null The channel that the carrier took it on; `sms` also for a code by WhatsApp that went by SMS. Of a
         * code by `auto`: the last channel that carried it. One of `sms`, `whatsapp`, `email`. */
        public readonly string|null $sentBy,
        /** @var string|null Why the last try to send it failed. */
        public readonly string|null $errorCode,
        /** @var string|null What proved delivery: the carrier's `receipt`, or the verified `otp`. */
        public readonly string|null $confirmedBy,
        /** @var list<Moved> The states it went through, in order. */
        public readonly array $statusHistory,
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string|null Of a code by e-mail: the address in full. */
        public readonly string|null $email = null,
        /** @var list<InTurn>|null Of a code by `auto`: the messages that carry it, in the order of its key; this message is one of
         * them. */
        public readonly array|null $steps = null,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            messageId: $data['messageId'] ?? null,
            kind: $data['kind'] ?? null,
            channel: $data['channel'] ?? null,
            phoneNumber: $data['phoneNumber'] ?? null,
            email: $data['email'] ?? null,
            status: $data['status'] ?? null,
            encoding: $data['encoding'] ?? null,
            segments: $data['segments'] ?? null,
            sender: $data['sender'] ?? null,
            createdAt: $data['createdAt'] ?? null,
            sentAt: $data['sentAt'] ?? null,
            deliveredAt: $data['deliveredAt'] ?? null,
            failedAt: $data['failedAt'] ?? null,
            expiredAt: $data['expiredAt'] ?? null,
            sentBy: $data['sentBy'] ?? null,
            errorCode: $data['errorCode'] ?? null,
            confirmedBy: $data['confirmedBy'] ?? null,
            statusHistory: array_map(static fn (array $one) => Moved::of($one), $data['statusHistory'] ?? null),
            steps: isset($data['steps']) ? array_map(static fn (array $one) => InTurn::of($one), $data['steps']) : null,
            success: $data['success'] ?? null,
        );
    }
}

/** One of the messages that carry a code in turn. */
final class InTurn
{
    public function __construct(
        /** @var string Names the message for as long as it is kept. */
        public readonly string $messageId,
        /** @var 'sms'|'whatsapp'|'email' How it travels. One of `sms`, `whatsapp`, `email`. */
        public readonly string $channel,
        /** @var 'queued'|'sending'|'sent'|'delivered'|'failed'|'expired' Its state. One of `queued`, `sending`, `sent`, `delivered`, `failed`, `expired`. */
        public readonly string $status,
        /** @var string|null While it waits: when its turn comes, in UTC. */
        public readonly string|null $dueAt,
        /** @var string|null The carrier took it at this time, in UTC; null: it did not. */
        public readonly string|null $sentAt,
        /** @var string|null Why it was not sent: what the carrier said, `code_verified`, `code_locked` or `superseded` where it
         * was not needed any more, `budget_exhausted` where a budget had no room for it. */
        public readonly string|null $errorCode,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            messageId: $data['messageId'] ?? null,
            channel: $data['channel'] ?? null,
            status: $data['status'] ?? null,
            dueAt: $data['dueAt'] ?? null,
            sentAt: $data['sentAt'] ?? null,
            errorCode: $data['errorCode'] ?? null,
        );
    }
}

/** A text that a phone sent. */
final class IncomingText
{
    public function __construct(
        /** @var string Names the message for as long as it is kept. */
        public readonly string $messageId,
        /** @var string Who wrote; a foreign number as its carrier gives it. */
        public readonly string $phoneNumber,
        /** @var string|null Your number; null where the carrier does not say. */
        public readonly string|null $to,
        /** @var string|null Its words, as long as texts are kept; then null. */
        public readonly string|null $text,
        /** @var int How many SMS it came in. */
        public readonly int $segments,
        /** @var 'stop'|'start'|'help'|'reply'|null What it was understood as, where it was a known word alone: see opt-outs. One of `stop`, `start`,
         * `help`, `reply`. */
        public readonly string|null $keyword,
        /** @var string A time in UTC. */
        public readonly string $receivedAt,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            messageId: $data['messageId'] ?? null,
            phoneNumber: $data['phoneNumber'] ?? null,
            to: $data['to'] ?? null,
            text: $data['text'] ?? null,
            segments: $data['segments'] ?? null,
            keyword: $data['keyword'] ?? null,
            receivedAt: $data['receivedAt'] ?? null,
        );
    }
}

/** A row that was not taken. */
final class InvalidRecipient
{
    public function __construct(
        /** @var string As it was given; empty where it was no text. */
        public readonly string $phone,
        /** @var string The code of the rule that it breaks, as in `errors`. */
        public readonly string $reason,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            phone: $data['phone'] ?? null,
            reason: $data['reason'] ?? null,
        );
    }
}

/** How many codes this key may send to one number. A number can have limits of its own. */
final class Limits
{
    public function __construct(
        /** @var int|null Codes in 60 seconds; null: no limit. */
        public readonly int|null $minute,
        /** @var int|null Codes in 3,600 seconds; null: no limit. */
        public readonly int|null $hour,
        /** @var int|null Codes in 86,400 seconds; null: no limit. */
        public readonly int|null $day,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            minute: $data['minute'] ?? null,
            hour: $data['hour'] ?? null,
            day: $data['day'] ?? null,
        );
    }
}

/** The API key that was presented. */
final class Me
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string As it is called in the dashboard. */
        public readonly string $name,
        /** @var 'live'|'test' `test` keys reach the sandbox phone only. One of `live`, `test`. */
        public readonly string $mode,
        /** @var list<'send'|'otp'|'read'|'webhooks'> What it may do. One of `send`, `otp`, `read`, `webhooks`. */
        public readonly array $scopes,
        /** @var Limits On codes for one number. */
        public readonly Limits $limits,
        /** @var Caps On all that it sends in a day. */
        public readonly Caps $dailyCaps,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            name: $data['name'] ?? null,
            mode: $data['mode'] ?? null,
            scopes: $data['scopes'] ?? null,
            limits: Limits::of($data['limits'] ?? null),
            dailyCaps: Caps::of($data['dailyCaps'] ?? null),
        );
    }
}

/** Messages of this API key, the newest first. */
final class MessagePage
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var list<Described|IncomingText> At most `limit` of them. */
        public readonly array $messages,
        /** @var string|null Give it as `after` to get the next page; null on the last one. */
        public readonly string|null $next,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            messages: array_map(static fn (array $one) => isset($one['kind']) ? Described::of($one) : IncomingText::of($one), $data['messages'] ?? null),
            next: $data['next'] ?? null,
        );
    }
}

/** A state that the message reached. */
final class Moved
{
    public function __construct(
        /** @var 'queued'|'sending'|'sent'|'delivered'|'failed'|'expired' The state. One of `queued`, `sending`, `sent`, `delivered`, `failed`, `expired`. */
        public readonly string $status,
        /** @var string A time in UTC. */
        public readonly string $at,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            status: $data['status'] ?? null,
            at: $data['at'] ?? null,
        );
    }
}

/** This message of the batch broke a rule; nothing was sent. */
final class NotQueued
{
    public function __construct(
        /** @var bool This message was refused. */
        public readonly bool $success,
        /** @var list<Problem> What is wrong with it. */
        public readonly array $errors,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            errors: array_map(static fn (array $one) => Problem::of($one), $data['errors'] ?? null),
        );
    }
}

/** A new code, valid from now on. */
final class OtpSent
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string Names the message for as long as it is kept. */
        public readonly string $messageId,
        /** @var int Seconds for which the code is valid. */
        public readonly int $expiresIn,
        /** @var 'sms'|'whatsapp'|'email'|null There when a code asked for by WhatsApp went by SMS; it verifies under either channel. With `auto`:
         * the channel that carries it first. One of `sms`, `whatsapp`, `email`. */
        public readonly string|null $sentBy = null,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            messageId: $data['messageId'] ?? null,
            expiresIn: $data['expiresIn'] ?? null,
            sentBy: $data['sentBy'] ?? null,
        );
    }
}

/** The code was right; it is used up. */
final class OtpVerified
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string For people. */
        public readonly string $message,
        /** @var bool The code was right. */
        public readonly bool $verified,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            message: $data['message'] ?? null,
            verified: $data['verified'] ?? null,
        );
    }
}

/** A new code, valid from now on, and what its text is expected to cost. */
final class PricedOtpSent
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string Names the message for as long as it is kept. */
        public readonly string $messageId,
        /** @var int Seconds for which the code is valid. */
        public readonly int $expiresIn,
        /** @var int How many SMS the text takes. */
        public readonly int $parts,
        /** @var 'gsm7'|'ucs2' Of the text; `ucs2` holds fewer characters. One of `gsm7`, `ucs2`. */
        public readonly string $encoding,
        /** @var int Septets of the GSM alphabet, or UTF-16 units, by its `encoding`. */
        public readonly int $length,
        /** @var float|null Of one SMS in MRU, to four digits; null where no price is set. */
        public readonly float|null $pricePerMessage,
        /** @var float|null Of all `parts` in MRU, by the price of now; null where no price is set, 0 on the sandbox. What is
         * charged follows from the carrier that accepts the message. */
        public readonly float|null $cost,
        /** @var 'sms'|'whatsapp'|'email'|null There when a code asked for by WhatsApp went by SMS; it verifies under either channel. With `auto`:
         * the channel that carries it first. One of `sms`, `whatsapp`, `email`. */
        public readonly string|null $sentBy = null,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            messageId: $data['messageId'] ?? null,
            expiresIn: $data['expiresIn'] ?? null,
            sentBy: $data['sentBy'] ?? null,
            parts: $data['parts'] ?? null,
            encoding: $data['encoding'] ?? null,
            length: $data['length'] ?? null,
            pricePerMessage: $data['pricePerMessage'] ?? null,
            cost: $data['cost'] ?? null,
        );
    }
}

/** Written down durably; delivery follows. What it is expected to cost. */
final class PricedQueued
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string Names the message for as long as it is kept. */
        public readonly string $messageId,
        /** @var bool It waits for delivery. */
        public readonly bool $queued,
        /** @var int How many SMS the text takes. */
        public readonly int $parts,
        /** @var 'gsm7'|'ucs2' Of the text; `ucs2` holds fewer characters. One of `gsm7`, `ucs2`. */
        public readonly string $encoding,
        /** @var int Septets of the GSM alphabet, or UTF-16 units, by its `encoding`. */
        public readonly int $length,
        /** @var float|null Of one SMS in MRU, to four digits; null where no price is set. */
        public readonly float|null $pricePerMessage,
        /** @var float|null Of all `parts` in MRU, by the price of now; null where no price is set, 0 on the sandbox. What is
         * charged follows from the carrier that accepts the message. */
        public readonly float|null $cost,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            messageId: $data['messageId'] ?? null,
            queued: $data['queued'] ?? null,
            parts: $data['parts'] ?? null,
            encoding: $data['encoding'] ?? null,
            length: $data['length'] ?? null,
            pricePerMessage: $data['pricePerMessage'] ?? null,
            cost: $data['cost'] ?? null,
        );
    }
}

/** A rule that was broken. */
final class Problem
{
    public function __construct(
        /** @var list<string> The field; empty when it is about the whole call. */
        public readonly array $path,
        /** @var string For people; it may change. */
        public readonly string $message,
        /** @var string For programs; it does not change. */
        public readonly string $code,
        /** @var 'minute'|'hour'|'day'|null With `rate_limited`: the window that is full. One of `minute`, `hour`, `day`. */
        public readonly string|null $window = null,
        /** @var int|null With `rate_limited`, `daily_cap` and `budget_slowed`: how many are allowed. */
        public readonly int|null $limit = null,
        /** @var 'key'|'gateway'|null With `budget_exhausted`: whose budget it is. One of `key`, `gateway`. */
        public readonly string|null $budget = null,
        /** @var 'day'|'month'|null With `budget_exhausted`: what the budget is for. One of `day`, `month`. */
        public readonly string|null $period = null,
        /** @var float|null With `budget_exhausted`: what all that was refused would have cost, to four digits. */
        public readonly float|null $requiredAmount = null,
        /** @var float|null With `budget_exhausted`: what the budget has left. */
        public readonly float|null $remaining = null,
        /** @var string|null With `budget_exhausted`: of both amounts. */
        public readonly string|null $currency = null,
        /** @var string|null With `budget_exhausted`: when the budget starts again. */
        public readonly string|null $startsAgainAt = null,
        /** @var int|null Seconds to wait, where waiting helps. */
        public readonly int|null $retryAfter = null,
        /** @var string|null With `provider_error` and `provider_timeout`: what WhatsApp said. */
        public readonly string|null $reason = null,
        /** @var bool|null Whether the same call may succeed later. */
        public readonly bool|null $retryable = null,
        /** @var string|null The message that the call made. With `provider_timeout` its code is valid and may still arrive. */
        public readonly string|null $messageId = null,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            path: $data['path'] ?? null,
            message: $data['message'] ?? null,
            code: $data['code'] ?? null,
            window: $data['window'] ?? null,
            limit: $data['limit'] ?? null,
            budget: $data['budget'] ?? null,
            period: $data['period'] ?? null,
            requiredAmount: $data['requiredAmount'] ?? null,
            remaining: $data['remaining'] ?? null,
            currency: $data['currency'] ?? null,
            startsAgainAt: $data['startsAgainAt'] ?? null,
            retryAfter: $data['retryAfter'] ?? null,
            reason: $data['reason'] ?? null,
            retryable: $data['retryable'] ?? null,
            messageId: $data['messageId'] ?? null,
        );
    }
}

/** Written down durably; delivery follows. */
final class Queued
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string Names the message for as long as it is kept. */
        public readonly string $messageId,
        /** @var bool It waits for delivery. */
        public readonly bool $queued,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            messageId: $data['messageId'] ?? null,
            queued: $data['queued'] ?? null,
        );
    }
}

/** Database, Valkey and the processes behind, told apart. */
final class Ready
{
    public function __construct(
        /** @var bool Whether all parts work. */
        public readonly bool $ready,
        /** @var 'ok'|'down' Whether this part works. One of `ok`, `down`. */
        public readonly string $database,
        /** @var 'ok'|'down' Whether this part works. One of `ok`, `down`. */
        public readonly string $valkey,
        /** @var 'ok'|'down' Whether this part works. One of `ok`, `down`. */
        public readonly string $relay,
        /** @var array<string, int> How many workers of each lane gave a sign lately. */
        public readonly array $workers,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            ready: $data['ready'] ?? null,
            database: $data['database'] ?? null,
            valkey: $data['valkey'] ?? null,
            relay: $data['relay'] ?? null,
            workers: $data['workers'] ?? null,
        );
    }
}

/** A text on the sandbox phone. */
final class Received
{
    public function __construct(
        /** @var string Names the message for as long as it is kept. */
        public readonly string $messageId,
        /** @var 'sms'|'whatsapp'|'email' How it came. One of `sms`, `whatsapp`, `email`. */
        public readonly string $channel,
        /** @var string As the phone shows it, codes in full. */
        public readonly string $text,
        /** @var string A time in UTC. */
        public readonly string $receivedAt,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            messageId: $data['messageId'] ?? null,
            channel: $data['channel'] ?? null,
            text: $data['text'] ?? null,
            receivedAt: $data['receivedAt'] ?? null,
        );
    }
}

/** What a number received, the newest last. */
final class ReceivedTexts
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var list<Received> At most `limit` of them. */
        public readonly array $messages,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            messages: array_map(static fn (array $one) => Received::of($one), $data['messages'] ?? null),
        );
    }
}

/** The events are due again. */
final class Replayed
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var int How many. */
        public readonly int $replayed,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            replayed: $data['replayed'] ?? null,
        );
    }
}

/** The new secret. Until `previousUntil`, calls bear both signatures. */
final class SecretRotated
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string What calls are signed with. It is shown in this answer only. */
        public readonly string $secret,
        /** @var string A time in UTC. */
        public readonly string $previousUntil,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            secret: $data['secret'] ?? null,
            previousUntil: $data['previousUntil'] ?? null,
        );
    }
}

/** A text to one phone. */
final class SendMessage implements \JsonSerializable
{
    public function __construct(
        /** @var string A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front.
         * No blanks, no dashes. */
        public readonly string $phoneNumber,
        /** @var string The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530
         * characters of the GSM alphabet, or 670 UTF-16 units with any other character. No control characters
         * but tab and line ends. */
        public readonly string $message,
        /** @var string|null The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
         * Ignored for WhatsApp and e-mail. */
        public readonly string|null $hash = null,
    ) {
    }

    /** @return array<string, mixed> */
    public function jsonSerialize(): array
    {
        return given(get_object_vars($this));
    }
}

/** A `webhook.test` is on its way. */
final class TestSent
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string The `webhook-id` that it bears. */
        public readonly string $eventId,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            eventId: $data['eventId'] ?? null,
        );
    }
}

/** An endpoint, but for its secret. */
final class Webhook
{
    public function __construct(
        /** @var string Names the endpoint. */
        public readonly string $webhookId,
        /** @var string Where events go: by POST, over https. */
        public readonly string $url,
        /** @var string For people: one line of at most 80 characters. */
        public readonly string $description,
        /** @var list<string> The events that it gets. */
        public readonly array $events,
        /** @var 'standard'|'v2' What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
         * `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike.
         * One of `standard`, `v2`. */
        public readonly string $envelope,
        /** @var 'active'|'failing'|'disabled' `failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`. */
        public readonly string $state,
        /** @var 'asked'|'gone'|'failing'|null Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`,
         * `failing`. */
        public readonly string|null $disabledReason,
        /** @var string A time in UTC. */
        public readonly string $createdAt,
        /** @var string|null When it was disabled; in UTC, or null. */
        public readonly string|null $disabledAt,
        /** @var string|null When it began to fail; in UTC, or null. */
        public readonly string|null $failingSince,
        /** @var string|null When it was last called; in UTC, or null. */
        public readonly string|null $lastAttemptAt,
        /** @var int|null Of HTTP, in answer to the last call. */
        public readonly int|null $lastStatus,
        /** @var string|null Why the last call failed. */
        public readonly string|null $lastError,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            webhookId: $data['webhookId'] ?? null,
            url: $data['url'] ?? null,
            description: $data['description'] ?? null,
            events: $data['events'] ?? null,
            envelope: $data['envelope'] ?? null,
            state: $data['state'] ?? null,
            disabledReason: $data['disabledReason'] ?? null,
            createdAt: $data['createdAt'] ?? null,
            disabledAt: $data['disabledAt'] ?? null,
            failingSince: $data['failingSince'] ?? null,
            lastAttemptAt: $data['lastAttemptAt'] ?? null,
            lastStatus: $data['lastStatus'] ?? null,
            lastError: $data['lastError'] ?? null,
        );
    }
}

/** The endpoints of this API key, oldest first. */
final class WebhookList
{
    public function __construct(
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var list<Webhook> At most ten. */
        public readonly array $webhooks,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            success: $data['success'] ?? null,
            webhooks: array_map(static fn (array $one) => Webhook::of($one), $data['webhooks'] ?? null),
        );
    }
}

/** A new endpoint with its secret. */
final class WebhookMade
{
    public function __construct(
        /** @var string Names the endpoint. */
        public readonly string $webhookId,
        /** @var string Where events go: by POST, over https. */
        public readonly string $url,
        /** @var string For people: one line of at most 80 characters. */
        public readonly string $description,
        /** @var list<string> The events that it gets. */
        public readonly array $events,
        /** @var 'standard'|'v2' What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
         * `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike.
         * One of `standard`, `v2`. */
        public readonly string $envelope,
        /** @var 'active'|'failing'|'disabled' `failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`. */
        public readonly string $state,
        /** @var 'asked'|'gone'|'failing'|null Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`,
         * `failing`. */
        public readonly string|null $disabledReason,
        /** @var string A time in UTC. */
        public readonly string $createdAt,
        /** @var string|null When it was disabled; in UTC, or null. */
        public readonly string|null $disabledAt,
        /** @var string|null When it began to fail; in UTC, or null. */
        public readonly string|null $failingSince,
        /** @var string|null When it was last called; in UTC, or null. */
        public readonly string|null $lastAttemptAt,
        /** @var int|null Of HTTP, in answer to the last call. */
        public readonly int|null $lastStatus,
        /** @var string|null Why the last call failed. */
        public readonly string|null $lastError,
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
        /** @var string What calls are signed with. It is shown in this answer only. */
        public readonly string $secret,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            webhookId: $data['webhookId'] ?? null,
            url: $data['url'] ?? null,
            description: $data['description'] ?? null,
            events: $data['events'] ?? null,
            envelope: $data['envelope'] ?? null,
            state: $data['state'] ?? null,
            disabledReason: $data['disabledReason'] ?? null,
            createdAt: $data['createdAt'] ?? null,
            disabledAt: $data['disabledAt'] ?? null,
            failingSince: $data['failingSince'] ?? null,
            lastAttemptAt: $data['lastAttemptAt'] ?? null,
            lastStatus: $data['lastStatus'] ?? null,
            lastError: $data['lastError'] ?? null,
            success: $data['success'] ?? null,
            secret: $data['secret'] ?? null,
        );
    }
}

/** An endpoint. */
final class WebhookShown
{
    public function __construct(
        /** @var string Names the endpoint. */
        public readonly string $webhookId,
        /** @var string Where events go: by POST, over https. */
        public readonly string $url,
        /** @var string For people: one line of at most 80 characters. */
        public readonly string $description,
        /** @var list<string> The events that it gets. */
        public readonly array $events,
        /** @var 'standard'|'v2' What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
         * `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike.
         * One of `standard`, `v2`. */
        public readonly string $envelope,
        /** @var 'active'|'failing'|'disabled' `failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`. */
        public readonly string $state,
        /** @var 'asked'|'gone'|'failing'|null Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`,
         * `failing`. */
        public readonly string|null $disabledReason,
        /** @var string A time in UTC. */
        public readonly string $createdAt,
        /** @var string|null When it was disabled; in UTC, or null. */
        public readonly string|null $disabledAt,
        /** @var string|null When it began to fail; in UTC, or null. */
        public readonly string|null $failingSince,
        /** @var string|null When it was last called; in UTC, or null. */
        public readonly string|null $lastAttemptAt,
        /** @var int|null Of HTTP, in answer to the last call. */
        public readonly int|null $lastStatus,
        /** @var string|null Why the last call failed. */
        public readonly string|null $lastError,
        /** @var bool The call did what it was asked to. */
        public readonly bool $success,
    ) {
    }

    /** @param array<string, mixed> $data */
    public static function of(array $data): self
    {
        return new self(
            webhookId: $data['webhookId'] ?? null,
            url: $data['url'] ?? null,
            description: $data['description'] ?? null,
            events: $data['events'] ?? null,
            envelope: $data['envelope'] ?? null,
            state: $data['state'] ?? null,
            disabledReason: $data['disabledReason'] ?? null,
            createdAt: $data['createdAt'] ?? null,
            disabledAt: $data['disabledAt'] ?? null,
            failingSince: $data['failingSince'] ?? null,
            lastAttemptAt: $data['lastAttemptAt'] ?? null,
            lastStatus: $data['lastStatus'] ?? null,
            lastError: $data['lastError'] ?? null,
            success: $data['success'] ?? null,
        );
    }
}

/**
 * The calls of a gateway, with one key.
 *
 * A call that fails throws ChinqitError. Those that change nothing, and those that bear an Idempotency-Key, which is made
 * here unless you give one, are sent again when no answer came, and on 429, 500 and 503 with a Retry-After of no more
 * than `longestWait`: `retries` times at most. All lengths are seconds; `timeout` is for a try.
 */
final class Chinqit
{
    private readonly string $address;
    private readonly string $key;
    private readonly \CurlHandle $curl;

    public function __construct(
        string $address,
        #[\SensitiveParameter] string $key,
        private readonly float $timeout = 20,
        private readonly int $retries = 2,
        private readonly float $longestWait = 5,
    ) {
        $this->address = rtrim(trim($address), '/');
        $this->key = trim($key);
        if (!preg_match('~^https?://[^/]~', $this->address)) {
            throw new \InvalidArgumentException("Not the address of a gateway: $address");
        }
        if (!preg_match('/^[!-\~]+$/D', $this->key)) {
            throw new \InvalidArgumentException('The key is empty, or holds characters that no key has');
        }
        $this->curl = curl_init();
    }

    /** @return array<string, mixed> what dumps show: not the key */
    public function __debugInfo(): array
    {
        return ['address' => $this->address];
    }

    /**
     * Is anything wrong?
     */
    public function alarm(
    ): Alarm {
        return $this->call(
            Alarm::of(...),
            'GET',
            '/alarm',
            answers: [200, 503],
            needsKey: false,
        );
    }

    /**
     * Is the web server up?
     */
    public function healthz(
    ): Alive {
        return $this->call(
            Alive::of(...),
            'GET',
            '/healthz',
            needsKey: false,
        );
    }

    /**
     * Look at your API key
     */
    public function me(
    ): Me {
        return $this->call(
            Me::of(...),
            'GET',
            '/me',
        );
    }

    /**
     * List messages
     *
     * @param int|null $limit How many at most.
     * @param string|null $after `next` of the page before.
     * @param 'out'|'in'|null $direction `out`: what you sent. `in`: texts of phones that you wrote to last; then `status`, `kind` and
     *     `channel` are not taken, `phoneNumber` is who wrote, and each has `messageId`, `phoneNumber`, `to`,
     *     `text`, `segments`, `keyword` and `receivedAt`. One of `out`, `in`.
     * @param 'queued'|'sending'|'sent'|'delivered'|'failed'|'expired'|null $status Only messages in this state. One of `queued`, `sending`, `sent`, `delivered`, `failed`, `expired`.
     * @param 'sms'|'whatsapp'|'email'|null $channel Only messages on this channel. One of `sms`, `whatsapp`, `email`.
     * @param 'otp'|'message'|null $kind Only texts, or only codes. One of `otp`, `message`.
     * @param string|null $phoneNumber Only messages to this number, in any form.
     * @param string|null $email Only codes to this e-mail address, in place of a number.
     * @param string|null $from Accepted at this time or later.
     * @param string|null $to Accepted before this time.
     */
    public function listMessages(
        int|null $limit = null,
        string|null $after = null,
        string|null $direction = null,
        string|null $status = null,
        string|null $channel = null,
        string|null $kind = null,
        string|null $phoneNumber = null,
        string|null $email = null,
        string|null $from = null,
        string|null $to = null,
    ): MessagePage {
        return $this->call(
            MessagePage::of(...),
            'GET',
            '/messages',
            query: [
                'limit' => $limit,
                'after' => $after,
                'direction' => $direction,
                'status' => $status,
                'channel' => $channel,
                'kind' => $kind,
                'phoneNumber' => $phoneNumber,
                'email' => $email,
                'from' => $from,
                'to' => $to,
            ],
        );
    }

    /**
     * Follow a message
     *
     * @param string $messageId As the call that sent it gave it.
     */
    public function followMessage(
        string $messageId,
    ): Followed {
        return $this->call(
            Followed::of(...),
            'GET',
            '/messages/' . rawurlencode($messageId) . '',
        );
    }

    /**
     * Send many texts
     *
     * @param list<SendMessage> $messages 1 to 1,000 messages. One that breaks a rule does not hold back the others.
     */
    public function sendBatch(
        array $messages,
        ?string $idempotencyKey = null,
    ): BatchTaken {
        return $this->call(
            BatchTaken::of(...),
            'POST',
            '/messages/batch',
            body: [
                'messages' => $messages,
            ],
            idempotencyKey: $idempotencyKey ?? bin2hex(random_bytes(16)),
        );
    }

    /**
     * Send a text
     *
     * @param string $phoneNumber A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front.
     *     No blanks, no dashes.
     * @param string $message The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530
     *     characters of the GSM alphabet, or 670 UTF-16 units with any other character. No control characters
     *     but tab and line ends.
     * @param string|null $hash The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
     *     Ignored for WhatsApp and e-mail.
     */
    public function sendMessage(
        string $phoneNumber,
        string $message,
        string|null $hash = null,
        ?string $idempotencyKey = null,
    ): Queued {
        return $this->call(
            Queued::of(...),
            'POST',
            '/messages/send',
            body: [
                'phoneNumber' => $phoneNumber,
                'hash' => $hash,
                'message' => $message,
            ],
            idempotencyKey: $idempotencyKey ?? bin2hex(random_bytes(16)),
        );
    }

    /**
     * Send a code
     *
     * @param string|null $phoneNumber A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front.
     *     No blanks, no dashes.
     * @param string|null $email With `channel` `email`, instead of the number: one address, without a name. Capital and small
     *     letters are the same. To send with `auto`, beside the number: the code goes there when the order
     *     comes to e-mail.
     * @param 'sms'|'whatsapp'|'email'|'auto'|null $channel How the code travels; in any case of letters. `auto`: by the channels of the key's order, one after
     *     the other, until the code is verified; by SMS where the key has none. One of `sms`, `whatsapp`,
     *     `email`, `auto`.
     * @param 'fr'|'en'|'ar'|null $language Of the text around the code. Of a locale such as `fr-FR`, what stands in front decides. Left out:
     *     the one that the owner chose, French at first. One of `fr`, `en`, `ar`.
     * @param string|null $hash The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
     *     Ignored for WhatsApp and e-mail.
     */
    public function sendOtp(
        string|null $phoneNumber = null,
        string|null $email = null,
        string|null $channel = null,
        string|null $language = null,
        string|null $hash = null,
        ?string $idempotencyKey = null,
    ): OtpSent {
        return $this->call(
            OtpSent::of(...),
            'POST',
            '/otp/send',
            body: [
                'phoneNumber' => $phoneNumber,
                'email' => $email,
                'channel' => $channel,
                'language' => $language,
                'hash' => $hash,
            ],
            idempotencyKey: $idempotencyKey ?? bin2hex(random_bytes(16)),
        );
    }

    /**
     * Check a code
     *
     * @param string $otp The six digits, as a string. Anything else is refused and costs no try.
     * @param string|null $phoneNumber A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front.
     *     No blanks, no dashes.
     * @param string|null $email With `channel` `email`, instead of the number: one address, without a name. Capital and small
     *     letters are the same. To send with `auto`, beside the number: the code goes there when the order
     *     comes to e-mail.
     * @param 'sms'|'whatsapp'|'email'|'auto'|null $channel How the code travels; in any case of letters. `auto`: by the channels of the key's order, one after
     *     the other, until the code is verified; by SMS where the key has none. One of `sms`, `whatsapp`,
     *     `email`, `auto`.
     */
    public function verifyOtp(
        string $otp,
        string|null $phoneNumber = null,
        string|null $email = null,
        string|null $channel = null,
        ?string $idempotencyKey = null,
    ): OtpVerified {
        return $this->call(
            OtpVerified::of(...),
            'POST',
            '/otp/verify',
            body: [
                'phoneNumber' => $phoneNumber,
                'email' => $email,
                'channel' => $channel,
                'otp' => $otp,
            ],
            idempotencyKey: $idempotencyKey ?? bin2hex(random_bytes(16)),
        );
    }

    /**
     * Does everything behind it work?
     */
    public function readyz(
    ): Ready {
        return $this->call(
            Ready::of(...),
            'GET',
            '/readyz',
            answers: [200, 503],
            needsKey: false,
        );
    }

    /**
     * Read the sandbox phone
     *
     * @param string|null $phoneNumber The number, in any form.
     * @param string|null $email The e-mail address, in place of a number.
     * @param int|null $limit How many at most.
     */
    public function readInbox(
        string|null $phoneNumber = null,
        string|null $email = null,
        int|null $limit = null,
    ): ReceivedTexts {
        return $this->call(
            ReceivedTexts::of(...),
            'GET',
            '/sandbox/inbox',
            query: [
                'phoneNumber' => $phoneNumber,
                'email' => $email,
                'limit' => $limit,
            ],
        );
    }

    /**
     * List webhooks
     */
    public function listWebhooks(
    ): WebhookList {
        return $this->call(
            WebhookList::of(...),
            'GET',
            '/webhooks',
        );
    }

    /**
     * Create a webhook
     *
     * @param string $url Where events go: by POST, over https.
     * @param list<string>|null $events The events that it wants; left out: all, but for `message.rejected` in the `standard` envelope. One
     *     of `message.sent`, `message.delivered`, `message.failed`, `message.expired`, `message.rejected`,
     *     `message.received`, `otp.verified`, `otp.exhausted`, `bulk.completed`.
     * @param string|null $description For people: one line of at most 80 characters.
     * @param 'standard'|'v2'|null $envelope What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
     *     `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike.
     *     One of `standard`, `v2`.
     */
    public function createWebhook(
        string $url,
        array|null $events = null,
        string|null $description = null,
        string|null $envelope = null,
        ?string $idempotencyKey = null,
    ): WebhookMade {
        return $this->call(
            WebhookMade::of(...),
            'POST',
            '/webhooks',
            body: [
                'url' => $url,
                'events' => $events,
                'description' => $description,
                'envelope' => $envelope,
            ],
            idempotencyKey: $idempotencyKey ?? bin2hex(random_bytes(16)),
        );
    }

    /**
     * Look at a webhook
     *
     * @param string $webhookId As the call that made it gave it.
     */
    public function showWebhook(
        string $webhookId,
    ): WebhookShown {
        return $this->call(
            WebhookShown::of(...),
            'GET',
            '/webhooks/' . rawurlencode($webhookId) . '',
        );
    }

    /**
     * Change a webhook
     *
     * @param string $webhookId As the call that made it gave it.
     * @param string|null $url Where events go: by POST, over https.
     * @param list<string>|null $events The events that it wants. One of `message.sent`, `message.delivered`, `message.failed`,
     *     `message.expired`, `message.rejected`, `message.received`, `otp.verified`, `otp.exhausted`,
     *     `bulk.completed`.
     * @param string|null $description For people: one line of at most 80 characters.
     * @param 'standard'|'v2'|null $envelope What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
     *     `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike.
     *     One of `standard`, `v2`.
     * @param bool|null $enabled `false` stops all calls.
     */
    public function changeWebhook(
        string $webhookId,
        string|null $url = null,
        array|null $events = null,
        string|null $description = null,
        string|null $envelope = null,
        bool|null $enabled = null,
    ): WebhookShown {
        return $this->call(
            WebhookShown::of(...),
            'PATCH',
            '/webhooks/' . rawurlencode($webhookId) . '',
            body: [
                'url' => $url,
                'events' => $events,
                'description' => $description,
                'envelope' => $envelope,
                'enabled' => $enabled,
            ],
        );
    }

    /**
     * Delete a webhook
     *
     * @param string $webhookId As the call that made it gave it.
     */
    public function deleteWebhook(
        string $webhookId,
    ): Done {
        return $this->call(
            Done::of(...),
            'DELETE',
            '/webhooks/' . rawurlencode($webhookId) . '',
        );
    }

    /**
     * List its attempts
     *
     * @param string $webhookId As the call that made it gave it.
     * @param int|null $limit How many at most.
     * @param int|null $after `next` of the page before.
     */
    public function listAttempts(
        string $webhookId,
        int|null $limit = null,
        int|null $after = null,
    ): Attempts {
        return $this->call(
            Attempts::of(...),
            'GET',
            '/webhooks/' . rawurlencode($webhookId) . '/attempts',
            query: [
                'limit' => $limit,
                'after' => $after,
            ],
        );
    }

    /**
     * Replay events
     *
     * @param string $webhookId As the call that made it gave it.
     * @param string|null $eventId The `webhook-id` of one event.
     * @param string|null $since Of a period: events from here on.
     * @param string|null $until Of a period: up to here; now, if left out.
     * @param 'undelivered'|'all'|null $only Of a period: only what has not arrived, or all. One of `undelivered`, `all`.
     */
    public function replayEvents(
        string $webhookId,
        string|null $eventId = null,
        string|null $since = null,
        string|null $until = null,
        string|null $only = null,
    ): Replayed {
        return $this->call(
            Replayed::of(...),
            'POST',
            '/webhooks/' . rawurlencode($webhookId) . '/replay',
            body: [
                'eventId' => $eventId,
                'since' => $since,
                'until' => $until,
                'only' => $only,
            ],
        );
    }

    /**
     * Rotate its secret
     *
     * @param string $webhookId As the call that made it gave it.
     */
    public function rotateSecret(
        string $webhookId,
    ): SecretRotated {
        return $this->call(
            SecretRotated::of(...),
            'POST',
            '/webhooks/' . rawurlencode($webhookId) . '/rotate',
        );
    }

    /**
     * Send a test event
     *
     * @param string $webhookId As the call that made it gave it.
     */
    public function testWebhook(
        string $webhookId,
    ): TestSent {
        return $this->call(
            TestSent::of(...),
            'POST',
            '/webhooks/' . rawurlencode($webhookId) . '/test',
        );
    }

    /**
     * Send texts to many numbers
     *
     * @param list<BulkRecipient> $recipients 1 to 50,000 rows. One that breaks a rule does not hold back the others.
     * @param string|null $name For people: at most 80 characters.
     * @param string|null $scheduledAt When it begins, at most 7 days from now; left out: now.
     * @param int|null $pace Texts a second at the most; left out: as many as the carriers take.
     * @param bool|null $urgent `true`: it does not wait for the end of quiet hours.
     */
    public function sendBulk(
        array $recipients,
        string|null $name = null,
        string|null $scheduledAt = null,
        int|null $pace = null,
        bool|null $urgent = null,
        ?string $idempotencyKey = null,
    ): BulkTaken {
        return $this->call(
            BulkTaken::of(...),
            'POST',
            '/api/v2/bulk/send',
            body: [
                'recipients' => $recipients,
                'name' => $name,
                'scheduledAt' => $scheduledAt,
                'pace' => $pace,
                'urgent' => $urgent,
            ],
            idempotencyKey: $idempotencyKey ?? bin2hex(random_bytes(16)),
            answers: [202],
        );
    }

    /**
     * Follow a batch
     *
     * @param string $batchId As the call that sent it gave it.
     */
    public function followBulk(
        string $batchId,
    ): BulkStatus {
        return $this->call(
            BulkStatus::of(...),
            'GET',
            '/api/v2/bulk/status/' . rawurlencode($batchId) . '',
        );
    }

    /**
     * Check a code
     *
     * @param string $otp The six digits, as a string. Anything else is refused and costs no try.
     * @param string|null $phoneNumber A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front.
     *     No blanks, no dashes.
     * @param string|null $email With `channel` `email`, instead of the number: one address, without a name. Capital and small
     *     letters are the same. To send with `auto`, beside the number: the code goes there when the order
     *     comes to e-mail.
     * @param 'sms'|'whatsapp'|'email'|'auto'|null $channel How the code travels; in any case of letters. `auto`: by the channels of the key's order, one after
     *     the other, until the code is verified; by SMS where the key has none. One of `sms`, `whatsapp`,
     *     `email`, `auto`.
     */
    public function verifyOtpV2(
        string $otp,
        string|null $phoneNumber = null,
        string|null $email = null,
        string|null $channel = null,
        ?string $idempotencyKey = null,
    ): OtpVerified {
        return $this->call(
            OtpVerified::of(...),
            'POST',
            '/api/v2/check',
            body: [
                'phoneNumber' => $phoneNumber,
                'email' => $email,
                'channel' => $channel,
                'otp' => $otp,
            ],
            idempotencyKey: $idempotencyKey ?? bin2hex(random_bytes(16)),
        );
    }

    /**
     * Send a code
     *
     * @param string|null $phoneNumber A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front.
     *     No blanks, no dashes.
     * @param string|null $email With `channel` `email`, instead of the number: one address, without a name. Capital and small
     *     letters are the same. To send with `auto`, beside the number: the code goes there when the order
     *     comes to e-mail.
     * @param 'sms'|'whatsapp'|'email'|'auto'|null $channel How the code travels; in any case of letters. `auto`: by the channels of the key's order, one after
     *     the other, until the code is verified; by SMS where the key has none. One of `sms`, `whatsapp`,
     *     `email`, `auto`.
     * @param 'fr'|'en'|'ar'|null $language Of the text around the code. Of a locale such as `fr-FR`, what stands in front decides. Left out:
     *     the one that the owner chose, French at first. One of `fr`, `en`, `ar`.
     * @param string|null $hash The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
     *     Ignored for WhatsApp and e-mail.
     */
    public function sendOtpV2(
        string|null $phoneNumber = null,
        string|null $email = null,
        string|null $channel = null,
        string|null $language = null,
        string|null $hash = null,
        ?string $idempotencyKey = null,
    ): PricedOtpSent {
        return $this->call(
            PricedOtpSent::of(...),
            'POST',
            '/api/v2/code',
            body: [
                'phoneNumber' => $phoneNumber,
                'email' => $email,
                'channel' => $channel,
                'language' => $language,
                'hash' => $hash,
            ],
            idempotencyKey: $idempotencyKey ?? bin2hex(random_bytes(16)),
        );
    }

    /**
     * Send a text
     *
     * @param string $phoneNumber A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front.
     *     No blanks, no dashes.
     * @param string $message The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530
     *     characters of the GSM alphabet, or 670 UTF-16 units with any other character. No control characters
     *     but tab and line ends.
     * @param string|null $hash The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
     *     Ignored for WhatsApp and e-mail.
     */
    public function sendMessageV2(
        string $phoneNumber,
        string $message,
        string|null $hash = null,
        ?string $idempotencyKey = null,
    ): PricedQueued {
        return $this->call(
            PricedQueued::of(...),
            'POST',
            '/api/v2/notify',
            body: [
                'phoneNumber' => $phoneNumber,
                'hash' => $hash,
                'message' => $message,
            ],
            idempotencyKey: $idempotencyKey ?? bin2hex(random_bytes(16)),
        );
    }

    /**
     * The event that a call to your webhook bears; throws ChinqitError when it is not genuine or older than `tolerance`
     * seconds. Give the headers (those of getallheaders(), say) and the body as they came: file_get_contents('php://input').
     * While secrets are being rotated, several may be given; one right signature is enough. What is checked is Standard
     * Webhooks 1.0.
     *
     * @param string|list<string> $secret
     * @param array<string, string|list<string>> $headers
     * @return array<string, mixed>
     */
    public static function verifyWebhook(
        #[\SensitiveParameter] string|array $secret,
        array $headers,
        string $body,
        float $tolerance = 300,
    ): array {
        $given = [];
        foreach ($headers as $name => $value) {
            $given[strtolower((string) $name)] = is_array($value) ? implode(' ', $value) : $value;
        }
        $sent = $given['webhook-timestamp'] ?? '';
        $signed = ($given['webhook-id'] ?? '') . ".$sent.$body";
        $right = false;
        foreach ((array) $secret as $one) {
            $bytes = base64_decode(preg_replace('/^whsec_/', '', trim($one)), true);
            if ($bytes === false) {
                throw new \InvalidArgumentException("A webhook's secret is whsec_ and base64");
            }
            $wanted = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $bytes, true));
            foreach (explode(' ', $given['webhook-signature'] ?? '') as $signature) {
                $right = hash_equals($wanted, $signature) || $right;
            }
        }
        if (!$right) {
            throw new ChinqitError('webhook_signature', 'No signature of this call is right');
        }
        if (!preg_match('/^\d{1,12}$/D', $sent) || abs(microtime(true) - (int) $sent) > $tolerance) {
            throw new ChinqitError('webhook_time', 'This call was signed too long ago, or in the future');
        }
        return json_decode($body, true, 512, JSON_THROW_ON_ERROR);
    }

    /**
     * @template T
     * @param callable(array<string, mixed>): T $read
     * @param array<string, mixed> $query
     * @param array<string, mixed>|null $body
     * @param list<int> $answers
     * @return T
     */
    private function call(
        callable $read,
        string $method,
        string $path,
        array $query = [],
        ?array $body = null,
        ?string $idempotencyKey = null,
        array $answers = [200],
        bool $needsKey = true,
    ): mixed {
        $asked = http_build_query(given($query));
        $headers = ['Accept: application/json', 'Expect:'];
        if ($needsKey) {
            $headers[] = "X-API-Key: $this->key";
        }
        if ($idempotencyKey !== null) {
            $headers[] = "Idempotency-Key: $idempotencyKey";
        }
        $options = [
            CURLOPT_URL => $this->address . $path . ($asked === '' ? '' : "?$asked"),
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT_MS => (int) ($this->timeout * 1000),
            CURLOPT_USERAGENT => 'chinqit-php/' . VERSION,
        ];
        if ($body !== null) {
            $headers[] = 'Content-Type: application/json';
            $flags = JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES;
            $options[CURLOPT_POSTFIELDS] = json_encode((object) given($body), $flags);
        }
        $options[CURLOPT_HTTPHEADER] = $headers;
        $retries = $method === 'GET' || $idempotencyKey !== null ? $this->retries : 0;
        for ($tried = 0; ; $tried++) {
            try {
                return $this->ask($read, $options, $answers);
            } catch (ChinqitError $error) {
                $wait = $this->wait($error, $tried);
                if ($tried === $retries || $wait === null) {
                    throw $error;
                }
            }
            usleep((int) ($wait * 1e6));
        }
    }

    /**
     * @template T
     * @param callable(array<string, mixed>): T $read
     * @param array<int, mixed> $options
     * @param list<int> $answers
     * @return T
     */
    private function ask(callable $read, array $options, array $answers): mixed
    {
        $headers = [];
        curl_reset($this->curl);
        curl_setopt_array($this->curl, $options);
        curl_setopt($this->curl, CURLOPT_HEADERFUNCTION, static function ($curl, string $line) use (&$headers): int {
            [$name, $value] = [...explode(':', $line, 2), ''];
            $headers[strtolower(trim($name))] = trim($value);
            return strlen($line);
        });
        $text = curl_exec($this->curl);
        if ($text === false) {
            $code = curl_errno($this->curl) === CURLE_OPERATION_TIMEDOUT ? 'timeout' : 'connection_failed';
            throw new ChinqitError($code, curl_error($this->curl));
        }
        $status = curl_getinfo($this->curl, CURLINFO_RESPONSE_CODE);
        $requestId = $headers['x-request-id'] ?? null;
        $body = json_decode($text, true);
        if (!in_array($status, $answers, true)) {
            throw self::refusal($status, $headers, is_array($body) ? $body : []);
        }
        try {
            return $read($body);
        } catch (\TypeError $fault) {
            $message = "The answer is not one of this gateway's version";
            throw new ChinqitError('unexpected_answer', $message, $status, $requestId, previous: $fault);
        }
    }

    /** Seconds after which a call may be sent again; null: it may not. */
    private function wait(ChinqitError $error, int $tried): ?float
    {
        if (in_array($error->errorCode, ['timeout', 'connection_failed'], true)) {
            return 0.5 * 2 ** $tried * random_int(50, 100) / 100; // so that not all callers come back at once
        }
        $mayWait = in_array($error->status, [429, 500, 503], true) && $error->retryAfter !== null;
        return $mayWait && $error->retryAfter <= $this->longestWait ? (float) $error->retryAfter : null;
    }

    /**
     * @param array<string, string> $headers
     * @param array<string, mixed> $body
     */
    private static function refusal(int $status, array $headers, array $body): ChinqitError
    {
        static $codes = [
            400 => 'invalid_otp',
            401 => 'api_key_is_required',
            403 => 'invalid_api_key',
            413 => 'request_body_too_large',
            500 => 'internal_server_error',
        ];
        $isOurs = ($body['success'] ?? null) === false;
        $errors = $isOurs ? array_map(Problem::of(...), $body['errors'] ?? []) : [];
        $waits = array_values(given(array_column($errors, 'retryAfter')));
        if (preg_match('/^\d+$/D', $headers['retry-after'] ?? '')) {
            array_unshift($waits, (int) $headers['retry-after']);
        }
        return new ChinqitError(
            $errors ? $errors[0]->code : ($isOurs && isset($codes[$status]) ? $codes[$status] : "http_$status"),
            is_string($body['message'] ?? null) ? $body['message'] : "HTTP $status",
            $status,
            $headers['x-request-id'] ?? null,
            $waits[0] ?? null,
            $errors,
            $body,
        );
    }
}

/**
 * @internal
 * @param array<string, mixed> $fields
 * @return array<string, mixed> those that are not null
 */
function given(array $fields): array
{
    return array_filter($fields, static fn (mixed $value) => $value !== null);
}
