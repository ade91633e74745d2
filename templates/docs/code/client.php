<?php
require 'chinqit.php';

$gateway = new Chinqit\Chinqit('https://sms.example.mr', getenv('CHINQIT_KEY'));
try {
    $sent = $gateway->sendOtp('+22238089336', language: 'fr');
    echo $sent->messageId, ' ', $sent->expiresIn, PHP_EOL;
    $gateway->verifyOtp('+22238089336', '123456');
} catch (Chinqit\ChinqitError $error) {
    echo $error->errorCode, ' ', $error->retriesLeft, ' ', $error->retryAfter, PHP_EOL;
}
