<?php

namespace App\Notifications;

use Chinqit\Chinqit;
use Chinqit\ChinqitError;
use Illuminate\Notifications\Notification;

/** Sends what a notification gives as toChinqit() to the number of routeNotificationForChinqit(). */
class ChinqitChannel
{
    public function __construct(private Chinqit $gateway)
    {
    }

    public function send(object $notifiable, Notification $notification): void
    {
        $phone = $notifiable->routeNotificationFor('chinqit', $notification);
        $text = $notification->toChinqit($notifiable);
        try {
            // A queue that tries again has the same id: the text is sent once.
            $this->gateway->sendMessage($phone, $text, idempotencyKey: $notification->id);
        } catch (ChinqitError $error) {
            if ($error->status !== 400) {
                throw $error; // the queue tries again
            }
            report($error); // a wrong number, or one that wants no texts: never again
        }
    }
}
