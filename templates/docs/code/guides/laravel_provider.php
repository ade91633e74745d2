<?php

namespace App\Providers;

use Chinqit\Chinqit;
use Illuminate\Support\ServiceProvider;

class ChinqitServiceProvider extends ServiceProvider
{
    public function register(): void
    {
        $this->app->singleton(Chinqit::class, fn () => new Chinqit(
            config('services.chinqit.url'),
            config('services.chinqit.key'),
        ));
    }
}
