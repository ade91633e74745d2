<?php
require 'chinqit.php';

$gateway = new Chinqit\Chinqit('https://sms.example.mr', getenv('CHINQIT_KEY'));
try {
    $sent = $gateway->sendOtp(phoneNumber: '+22238089336', language: 'fr');
    echo $sent->messageId, ' ', $sent->expiresIn, PHP_EOL;
    $gateway->verifyOtp('123456', phoneNumber: '+22238089336');
} catch (Chinqit\ChinqitError $error) {
    echo $error->errorCode, ' ', $error->retriesLeft, ' ', $error->retryAfter, PHP_EOL;
}
