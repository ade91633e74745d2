<?php

namespace App\Http\Controllers;

use App\Models\User;
use App\Services\PhoneCodes;
use Chinqit\ChinqitError;
use Closure;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;

class PhoneSignInController
{
    public function send(Request $request, PhoneCodes $codes): JsonResponse
    {
        return $this->answer(function () use ($request, $codes) {
            $request->session()->put('phone', $codes->send((string) $request->input('phone')));
            return ['sent' => true];
        });
    }

    public function signIn(Request $request, PhoneCodes $codes): JsonResponse
    {
        $phone = $request->session()->get('phone');
        if ($phone === null) {
            return response()->json(['code' => 'send_first'], 400);
        }
        return $this->answer(function () use ($request, $codes, $phone) {
            $codes->check($phone, (string) $request->input('code'));
            $request->session()->forget('phone');
            Auth::login(User::firstOrCreate(['phone' => $phone]));
            $request->session()->regenerate();
            return ['signedIn' => true];
        });
    }

    private function answer(Closure $work): JsonResponse
    {
        try {
            return response()->json($work());
        } catch (ChinqitError $error) {
            if ($told = PhoneCodes::told($error)) {
                return response()->json(...$told);
            }
            report($error);
            return response()->json(['code' => 'try_later'], 503);
        }
    }
}
