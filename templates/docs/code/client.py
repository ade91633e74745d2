from os import environ

from chinqit import Chinqit, ChinqitError

gateway = Chinqit("https://sms.example.mr", environ["CHINQIT_KEY"])
try:
    sent = gateway.send_otp(phone_number="+22238089336", language="fr")
    print(sent.message_id, sent.expires_in)
    gateway.verify_otp("123456", phone_number="+22238089336")
except ChinqitError as error:
    print(error.code, error.retries_left, error.retry_after)
