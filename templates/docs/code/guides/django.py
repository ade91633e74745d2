from chinqit import ChinqitError
from django.contrib.auth import get_user_model, login
from django.core.cache import cache
from django.http import JsonResponse
from django.views.decorators.http import require_POST

from . import codes

MOST_CODES = 10  # that one address may ask for within an hour


def asks_too_often(request):
    name = f"codes:{request.META['REMOTE_ADDR']}"
    cache.add(name, 0, timeout=3600)
    return cache.incr(name) > MOST_CODES


@require_POST
def send_code(request):
    if asks_too_often(request):
        return JsonResponse({"code": "try_later"}, status=429)
    try:
        request.session["phone"] = codes.send(request.POST.get("phone", ""))
    except ChinqitError as error:
        body, status = codes.told(error)
        return JsonResponse(body, status=status)
    return JsonResponse({"sent": True})


@require_POST
def sign_in(request):
    phone = request.session.get("phone")
    if phone is None:
        return JsonResponse({"code": "send_first"}, status=400)
    try:
        codes.check(phone, request.POST.get("code", ""))
    except ChinqitError as error:
        body, status = codes.told(error)
        return JsonResponse(body, status=status)
    del request.session["phone"]
    user, _ = get_user_model().objects.get_or_create(username=phone)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return JsonResponse({"signedIn": True})
