<?php
// Calls the client library as it is told: an order a line on standard input, an answer a line on standard output.
error_reporting(E_ALL);
set_error_handler(static fn (int $no, string $text) => throw new ErrorException($text));
require __DIR__ . '/../../../static/clients/chinqit.php';

use Chinqit\BulkRecipient;
use Chinqit\Chinqit;
use Chinqit\ChinqitError;
use Chinqit\SendMessage;

function done(array $order): mixed
{
    if (isset($order['secrets'])) {
        return Chinqit::verifyWebhook($order['secrets'], $order['headers'], $order['body']);
    }
    $given = $order['given'];
    foreach (['messages' => SendMessage::class, 'recipients' => BulkRecipient::class] as $name => $class) {
        if (isset($given[$name])) {
            $given[$name] = array_map(static fn (array $one) => new $class(...$one), $given[$name]);
        }
    }
    if ($order['idempotencyKey'] !== null) {
        $given['idempotencyKey'] = $order['idempotencyKey'];
    }
    return (new Chinqit(...$order['client']))->{$order['name']}(...$order['path'], ...$given);
}

while (($line = fgets(STDIN)) !== false) {
    try {
        $answer = ['done' => done(json_decode($line, true))];
    } catch (ChinqitError $error) {
        $answer = ['failed' => [
            'code' => $error->errorCode,
            'status' => $error->status,
            'requestId' => $error->requestId,
            'retryAfter' => $error->retryAfter,
            'errors' => $error->errors,
            'body' => $error->body,
            'retriesLeft' => $error->retriesLeft,
            'text' => $error->getMessage(),
        ]];
    }
    echo json_encode($answer), "\n";
}
