<?php
// A shop's server in PHP: sends a code, reads it on the sandbox phone, verifies it; or judges a webhook.

function call(string $method, string $path, ?array $body = null): array
{
    $call = curl_init(getenv('BASE') . $path);
    curl_setopt_array($call, [
        CURLOPT_CUSTOMREQUEST => $method,
        CURLOPT_HTTPHEADER => ['X-API-Key: ' . getenv('KEY'), 'Content-Type: application/json'],
        CURLOPT_POSTFIELDS => $body === null ? '' : json_encode($body),
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_TIMEOUT => 15,
    ]);
    $answer = curl_exec($call);
    if (curl_getinfo($call, CURLINFO_RESPONSE_CODE) !== 200) {
        throw new RuntimeException((string) $answer);
    }
    return json_decode($answer, true);
}

function verify(string $phone): bool
{
    $sent = call('POST', '/otp/send', ['phoneNumber' => $phone, 'language' => 'fr', 'hash' => null]);
    for ($tries = 0; $tries < 100; $tries++) {
        foreach (call('GET', '/sandbox/inbox?phoneNumber=' . urlencode($phone))['messages'] as $message) {
            if ($message['messageId'] === $sent['messageId'] && preg_match('/\b\d{6}\b/', $message['text'], $code)) {
                return call('POST', '/otp/verify', ['phoneNumber' => $phone, 'otp' => $code[0]])['verified'];
            }
        }
        usleep(100_000);
    }
    return false;
}

function is_genuine(array $headers, string $body): bool
{
    $key = base64_decode(substr(getenv('SECRET'), strlen('whsec_')));
    $signed = $headers['webhook-id'] . '.' . $headers['webhook-timestamp'] . '.' . $body;
    $right = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $key, true));
    foreach (explode(' ', $headers['webhook-signature']) as $given) {
        if (hash_equals($right, $given)) {
            return true;
        }
    }
    return false;
}

echo json_encode(
    $argv[1] === 'verify' ? verify(getenv('PHONE')) : is_genuine(json_decode(getenv('HEADERS'), true), getenv('BODY'))
), PHP_EOL;
