<?php

namespace App\Services;

use Chinqit\Chinqit;
use Chinqit\ChinqitError;

/** Codes by SMS; nothing in this class is of Laravel. */
final class PhoneCodes
{
    public function __construct(private Chinqit $gateway)
    {
    }

    /** Send a code; return the number in the one form that accounts are kept under. */
    public function send(string $phone, string $language = 'fr'): string
    {
        $this->gateway->sendOtp(phoneNumber: $phone, language: $language);
        return '+222' . substr($phone, -8);
    }

    /** Throw ChinqitError unless this is the code that was sent. */
    public function check(string $phone, string $code): void
    {
        $this->gateway->verifyOtp($code, phoneNumber: $phone);
    }

    /**
     * What the user is told of a refusal, and its status; null when users cannot mend it.
     *
     * @return array{array<string, mixed>, int}|null
     */
    public static function told(ChinqitError $error): ?array
    {
        if (!in_array($error->status, [400, 404, 429], true)) {
            return null;
        }
        $body = ['code' => $error->errorCode, 'retriesLeft' => $error->retriesLeft, 'retryAfter' => $error->retryAfter];
        return [$body, $error->status];
    }
}
