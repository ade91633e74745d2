"""A shop's server in Python, with the client that openapi-python-client made from /openapi.json: `shop_client`."""

import json
import os
import re
import sys
import time

from shop_client import AuthenticatedClient  # type: ignore[import-not-found]  # made when the test runs
from shop_client.api.codes import send_otp, verify_otp  # type: ignore[import-not-found]
from shop_client.api.sandbox import read_inbox  # type: ignore[import-not-found]
from shop_client.models import SendOtp, SendOtpLanguageType0, VerifyOtp  # type: ignore[import-not-found]

gateway = AuthenticatedClient(os.environ["BASE"], os.environ["KEY"], prefix="", auth_header_name="X-API-Key")
phone = os.environ["PHONE"]
sent = send_otp.sync(client=gateway, body=SendOtp(phone_number=phone, language=SendOtpLanguageType0.FR))
for _ in range(100):
    inbox = read_inbox.sync(client=gateway, phone_number=phone)
    texts = [one.text for one in inbox.messages if one.message_id == sent.message_id]
    if texts:
        break
    time.sleep(0.1)
code = re.findall(r"\b\d{6}\b", texts[0])[0]
wrong = verify_otp.sync(client=gateway, body=VerifyOtp(f"{(int(code) + 1) % 1_000_000:06}", phone_number=phone))
right = verify_otp.sync(client=gateway, body=VerifyOtp(code, phone_number=phone))
json.dump([type(wrong).__name__, wrong.retries_left, right.verified], sys.stdout)
