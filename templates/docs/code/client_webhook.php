<?php
require 'chinqit.php';

// The status for a call to your webhook: answer(getallheaders(), file_get_contents('php://input')).
function answer(array $headers, string $body): int
{
    try {
        $event = Chinqit\Chinqit::verifyWebhook(getenv('CHINQIT_WEBHOOK_SECRET'), $headers, $body);
    } catch (Chinqit\ChinqitError) {
        return 400;
    }
    echo $event['type'], PHP_EOL;
    return 204;
}
