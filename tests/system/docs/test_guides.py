"""The code of the guides, taken from their pages and run against a gateway; frameworks are stood in for."""

from __future__ import annotations

import html
import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from dashboard.models.messages import Message
from dashboard.vocabulary import Status
from tests.support.phones import new_phone
from tests.support.samples import run, tool
from tests.support.stack import Client, Stack, digits, until

WITH_PYTHON = ("django", "odoo")
UNDER_WAY = (Status.QUEUED, Status.SENDING)


def file(stack: Stack, guide: str, name: str) -> str:
    """What a guide says to write into a file."""
    page = stack.http.get(f"/docs/fr/guides/{guide}").text
    block = page[page.index(f'<code dir="ltr">{name}</code>') :]
    block = block[block.index("<pre") :]
    return html.unescape(block[block.index("<code>") + 6 : block.index("</code>")])


def library(stack: Stack, name: str, folder: Path) -> None:
    """A client library, as it is downloaded."""
    folder.mkdir(exist_ok=True)
    folder.joinpath(name).write_bytes(stack.http.get(f"/static/clients/{name}").content)


@pytest.fixture
def caller(sqlite_stack: Stack) -> Client:
    return sqlite_stack.client("test")


@pytest.fixture
def phone() -> str:
    return new_phone()


def code_on(stack: Stack, phone: str) -> str:
    """The code that came to a sandbox phone, once it is there."""
    (text,) = texts_on(stack, phone)
    return digits(text)


def texts_on(stack: Stack, phone: str) -> list[str]:
    """The texts on a sandbox phone, once there is one and none is under way."""

    def found() -> list[str]:
        with stack.sessions() as session:
            waiting = session.scalars(select(Message).where(Message.phone == phone, Message.status.in_(UNDER_WAY)))
            if waiting.first() is not None:
                return []
        return [text.text for text in stack.inbox(phone)]

    return until(found, 15)


SENDS_AND_CHECKS = """
import os
import codes
from chinqit import ChinqitError
phone = os.environ["PHONE"]
if not os.environ.get("CODE"):
    print(codes.send(phone[4:]))
else:
    for code in ("000000", os.environ["CODE"], os.environ["CODE"]):
        try:
            codes.check(phone, code)
            print("right")
        except ChinqitError as error:
            print(codes.told(error))
"""


def test_the_codes_of_django_are_sent_and_checked(
    sqlite_stack: Stack, caller: Client, phone: str, tmp_path: Path
) -> None:
    library(sqlite_stack, "chinqit.py", tmp_path)
    (tmp_path / "codes.py").write_text(file(sqlite_stack, "django", "phone/codes.py"))

    def ask(code: str = "", key: str = caller.key) -> list[str]:
        environ = {"PYTHONPATH": str(tmp_path), "PHONE": phone, "CODE": code, "CHINQIT_KEY": key}
        return run("python", SENDS_AND_CHECKS, tmp_path, **environ).splitlines()

    assert ask() == [phone]
    assert ask(code_on(sqlite_stack, phone)) == [
        "({'code': 'invalid_otp', 'retriesLeft': 2, 'retryAfter': None}, 400)",
        "right",
        "({'code': 'otp_used', 'retriesLeft': None, 'retryAfter': None}, 404)",
    ]
    assert set(ask("111111", key="unknown")) == {"({'code': 'try_later'}, 503)"}


def test_the_python_of_every_guide_compiles(sqlite_stack: Stack) -> None:
    compiled = 0
    for guide in WITH_PYTHON:
        page = sqlite_stack.http.get(f"/docs/ar/guides/{guide}").text
        for name in re.findall(r'<code dir="ltr">(\w+/[^<]*\.py[^<]*)</code>', page):
            compile(file(sqlite_stack, guide, name), name, "exec")
            compiled += 1
    assert compiled == 8


SIGNS_IN = """
require 'chinqit.php';
{codes}
$codes = new App\\Services\\PhoneCodes(new Chinqit\\Chinqit(getenv('BASE'), getenv('CHINQIT_KEY')));
try {{
    echo getenv('CODE') ? $codes->check(getenv('PHONE'), getenv('CODE')) . 'right' : $codes->send(getenv('PHONE'));
}} catch (Chinqit\\ChinqitError $error) {{
    echo json_encode(App\\Services\\PhoneCodes::told($error));
}}
"""


def test_the_codes_of_laravel_are_sent_and_checked(
    sqlite_stack: Stack, caller: Client, phone: str, tmp_path: Path
) -> None:
    library(sqlite_stack, "chinqit.php", tmp_path)
    (tmp_path / "PhoneCodes.php").write_text(file(sqlite_stack, "laravel", "app/Services/PhoneCodes.php"))
    text = SIGNS_IN.format(codes="require 'PhoneCodes.php';")

    def ask(code: str = "", key: str = caller.key) -> str:
        environ = {"BASE": sqlite_stack.settings.address, "PHONE": phone, "CODE": code, "CHINQIT_KEY": key}
        return run("php", text, tmp_path, **environ).strip()

    assert ask() == phone
    assert json.loads(ask("000000")) == [{"code": "invalid_otp", "retriesLeft": 2, "retryAfter": None}, 400]
    assert ask(code_on(sqlite_stack, phone)) == "right"
    assert ask("111111", key="unknown") == "null"


LARAVEL = r"""
namespace Illuminate\Notifications {
    class Notification { public $id; public function toChinqit($to) { return 'Votre commande est prête.'; } }
}
namespace {
    function report($error) { echo $error->errorCode, PHP_EOL; }
    class Customer { public function routeNotificationFor($driver, $notification) { return getenv('PHONE'); } }
    require 'chinqit.php';
    require 'ChinqitChannel.php';
    $gateway = new Chinqit\Chinqit(getenv('BASE'), getenv('CHINQIT_KEY'));
    $notification = new Illuminate\Notifications\Notification();
    $notification->id = getenv('ID');
    foreach ([1, 2] as $try) {
        (new App\Notifications\ChinqitChannel($gateway))->send(new Customer(), $notification);
    }
}
"""


def test_a_notification_of_laravel_that_is_tried_twice_is_sent_once(
    sqlite_stack: Stack, caller: Client, phone: str, tmp_path: Path
) -> None:
    library(sqlite_stack, "chinqit.php", tmp_path)
    (tmp_path / "ChinqitChannel.php").write_text(file(sqlite_stack, "laravel", "app/Notifications/ChinqitChannel.php"))
    environ = {"BASE": sqlite_stack.settings.address, "CHINQIT_KEY": caller.key}
    assert run("php", LARAVEL, tmp_path, PHONE=phone, ID="one", **environ) == ""
    assert texts_on(sqlite_stack, phone) == ["Votre commande est prête."]
    assert run("php", LARAVEL, tmp_path, PHONE="12345678", ID="two", **environ).split() == ["phone_prefix"] * 2


def test_the_php_of_laravel_is_php(sqlite_stack: Stack, tmp_path: Path) -> None:
    page = sqlite_stack.http.get("/docs/en/guides/laravel").text
    names = re.findall(r'<code dir="ltr">(app/[^<]*\.php)</code>', page)
    assert len(names) == 4
    for name in names:
        path = tmp_path / "one.php"
        path.write_text(file(sqlite_stack, "laravel", name))
        done = subprocess.run([tool("php"), "-l", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


FIREBASE = {  # as much of it as the functions use
    "firebase-admin/app.mjs": "export const initializeApp = () => {};",
    "firebase-admin/auth.mjs": "export const getAuth = () => ({ createCustomToken: async (id) => `token of ${id}` });",
    "firebase-functions/v2/https.mjs": (
        "export const onCall = (options, work) => (data) => work({ data });\n"
        "export class HttpsError extends Error {\n"
        "  constructor(code, message, details) { super(message); Object.assign(this, { code, details }); }\n"
        "}"
    ),
}
CALLS = """
import { sendCode, signIn } from "./index.mjs";
const { PHONE: phone, CODE: code } = process.env;
const tried = (call) => call.catch(({ code, message, details }) => ({ code, message, details }));
const told = code ? [await tried(signIn({ phone, code: "000000" })), await tried(signIn({ phone, code }))]
  : [await tried(sendCode({ phone }))];
console.log(JSON.stringify(told));
"""


def test_firebase_gets_a_token_for_the_right_code_alone(
    sqlite_stack: Stack, caller: Client, phone: str, tmp_path: Path
) -> None:
    library(sqlite_stack, "chinqit.mjs", tmp_path)
    (tmp_path / "index.mjs").write_text(file(sqlite_stack, "firebase", "functions/index.mjs"))
    for name, text in FIREBASE.items():
        path = tmp_path / "node_modules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        package = tmp_path / "node_modules" / name.partition("/")[0]
        (package / "package.json").write_text('{"exports": {"./*": "./*.mjs"}}')

    def ask(code: str = "", key: str = caller.key) -> list[dict[str, object]]:
        told = run("javascript", CALLS, tmp_path, PHONE=phone, CODE=code, CHINQIT_KEY=key)
        answers: list[dict[str, object]] = json.loads(told)
        return answers

    assert ask() == [{"sent": True}]
    wrong, right = ask(code_on(sqlite_stack, phone))
    assert wrong == {
        "code": "invalid-argument",
        "message": "invalid_otp",
        "details": {"retriesLeft": 2, "retryAfter": None},
    }
    assert right == {"token": f"token of {phone}"}
    assert ask(key="unknown") == [{"code": "unavailable", "message": "try_later", "details": {}}]


ODOO = """
import json, os, sys, types

class SmsApi:
    def __init__(self, env):
        self.env = env
    def _send_sms_batch(self, messages, delivery_reports_url=False):
        return "as before"

names = ("odoo", "odoo.addons", "odoo.addons.sms", "odoo.addons.sms.models", "odoo.addons.sms.tools",
         "odoo.addons.sms.models.sms_sms", "odoo.addons.sms.tools.sms_api")
for name in names:
    sys.modules[name] = types.ModuleType(name)
sys.modules["odoo.addons.sms.models"].sms_sms = sys.modules["odoo.addons.sms.models.sms_sms"]
sys.modules["odoo.addons.sms.tools.sms_api"].SmsApi = SmsApi
from sms_chinqit import sms

class Parameters(dict):
    def sudo(self):
        return self
    get_param = dict.get

def send(parameters):
    made = sys.modules["odoo.addons.sms.models.sms_sms"].SmsApi({"ir.config_parameter": Parameters(parameters)})
    return made._send_sms_batch(json.loads(os.environ["MESSAGES"]), delivery_reports_url="https://odoo.example/sms")

named = {"chinqit.url": os.environ["BASE"], "chinqit.key": os.environ["CHINQIT_KEY"]}
print(json.dumps([send(named), send(named), send(named | {"chinqit.key": "unknown"}), send({})]))
"""


def test_odoo_s_texts_are_sent_once_each_and_told_in_its_words(
    sqlite_stack: Stack, caller: Client, phone: str, tmp_path: Path
) -> None:
    module = tmp_path / "sms_chinqit"
    library(sqlite_stack, "chinqit.py", module)
    (module / "__init__.py").touch()
    for name, shown in {"sending.py": "sending.py", "sms.py": "sms.py (Odoo 17, 18, 19)"}.items():
        (module / name).write_text(file(sqlite_stack, "odoo", f"sms_chinqit/{shown}"))
    numbers = [{"uuid": "a", "number": f"{phone[:4]} {phone[4:]}"}, {"uuid": "b", "number": "+33612345678"}]
    environ = {"BASE": sqlite_stack.settings.address, "CHINQIT_KEY": caller.key, "PYTHONPATH": str(tmp_path)}
    messages = json.dumps([{"content": "Bonjour", "numbers": numbers}])
    sent = json.loads(run("python", ODOO, tmp_path, MESSAGES=messages, **environ))
    states = [one if isinstance(one, str) else [(each["uuid"], each["state"]) for each in one] for one in sent]
    once = [("a", "success"), ("b", "wrong_number_format")]
    assert states == [once, once, [("a", "unregistered"), ("b", "unregistered")], "as before"]
    assert texts_on(sqlite_stack, phone) == ["Bonjour"]


def test_keycloak_s_settings_make_a_call_that_is_taken(sqlite_stack: Stack, caller: Client, phone: str) -> None:
    """The plugin writes the body from attributes, and the token as it is into `Authorization`."""
    told = json.loads(file(sqlite_stack, "keycloak", "sms-2fa.json"))
    named = told["config"]
    assert told["alias"] == "sms-2fa" and named["apiTokenInHeader"] == "true" and "apitokenattribute" not in named
    body = {
        named["messageattribute"]: "Votre code est 123456.",
        named["receiverattribute"]: phone,
        named["senderattribute"]: named["senderId"],
    }
    token = named["apitoken"].replace("cq_live_…", caller.key)
    answer = httpx.post(named["apiurl"], json=body, headers={"Authorization": token})
    assert answer.status_code == 200, answer.text
    assert texts_on(sqlite_stack, phone) == ["Votre code est 123456."]
