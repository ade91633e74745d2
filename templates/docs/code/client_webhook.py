from os import environ

from chinqit import ChinqitError, verify_webhook


def answer(headers: dict[str, str], body: bytes) -> int:
    """The status for a call to your webhook; the body as it came."""
    try:
        event = verify_webhook(environ["CHINQIT_WEBHOOK_SECRET"], headers, body)
    except ChinqitError:
        return 400
    print(event["type"])
    return 204
