"""The samples of the documentation, in every language, against a gateway."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dashboard.db import utcnow
from dashboard.gateway.webhooks import signing
from dashboard.pages.docs import code_samples
from dashboard.vocabulary import Scope
from tests.support.door_callers import open_doors
from tests.support.phones import new_phone
from tests.support.samples import RUNNERS, run, run_all, shown
from tests.support.stack import Client, Stack

GUESSES = {"verifyOtp", "verifyOtpV2"}  # their example is hardly ever the code


@pytest.fixture(scope="module")
def reference(sqlite_stack: Stack) -> str:
    """All pages of the reference, one after another."""
    overview = sqlite_stack.http.get("/docs/en/reference").text
    calls = sorted(set(re.findall(r'"(/docs/en/reference/\w+)"', overview)))
    return "".join(sqlite_stack.http.get(address).text for address in calls)


@pytest.fixture(scope="module")
def examples(sqlite_stack: Stack) -> dict[str, str]:
    """What stands in the samples for an id, by the name of the parameter."""
    paths = sqlite_stack.http.get("/openapi.json").json()["paths"].values()
    operations = [operation for methods in paths for operation in methods.values()]
    return {told["name"]: str(told["example"]) for operation in operations for told in operation["parameters"]}


@pytest.mark.parametrize("language", RUNNERS)
def test_the_samples_of_the_reference_run(
    sqlite_stack: Stack, reference: str, examples: dict[str, str], language: str, tmp_path: Path
) -> None:
    caller = sqlite_stack.client("test", scopes=tuple(Scope))
    door, _, _ = open_doors(sqlite_stack.sessions, sqlite_stack.settings, caller.key)
    own = {
        "+22238089336": new_phone(),
        f"/api/sms/validation/{examples['reference']}": door,
        examples["messageId"]: caller.send(new_phone()).json()["messageId"],
        examples["batchId"]: caller.post(
            "/api/v2/bulk/send", recipients=[{"phone": new_phone(), "message": "Bonjour"}]
        ).json()["batchId"],
    }
    samples = {}
    for name in re.findall(r'id="sample-(\w+)"', reference):
        text = shown(reference, name, language)
        if examples["webhookId"] in text:
            made = caller.post("/webhooks", url="https://shop.example.mr/hooks").json()["webhookId"]
            text = text.replace(examples["webhookId"], made)
        for example, value in own.items():
            text = text.replace(example, value)
        samples[name] = text
    printed = run_all(language, samples.values(), tmp_path, **{code_samples.KEY: caller.key})
    answers = {name: json.loads(out[out.index("{") :]) for name, out in zip(samples, printed, strict=True)}
    assert {"sendMessage", "sendOtp", "verifyOtp", "followMessage", "sendBatch", "createWebhook"} <= answers.keys()
    refused = {name: answer for name, answer in answers.items() if not answer.get("success", True)}
    assert refused.keys() <= GUESSES, refused
    assert answers["sendValidation"].keys() == {"code", "balance"}
    assert answers["sendSms"]["error"]["http_code"] == 401, "who reads the sample has no secret to sign with"
    assert {answer["message"] for answer in refused.values()} <= {"Invalid OTP", "OTP not found or expired"}


@pytest.mark.parametrize("language", RUNNERS)
def test_the_quick_start_verifies_a_code(sqlite_stack: Stack, language: str, tmp_path: Path) -> None:
    page = sqlite_stack.http.get("/docs/fr/").text
    caller: Client = sqlite_stack.client("test")
    phone = new_phone()

    def follow(name: str, **swaps: str) -> Any:
        text = (
            shown(page, name, language)
            .replace("+22238089336", phone)
            .replace("phoneNumber=38089336", f"phoneNumber={quote(phone)}")
        )
        for example, value in swaps.items():
            text = text.replace(example.strip("_"), value)
        out = run(language, text, tmp_path, **{code_samples.KEY: caller.key})
        return json.loads(out[out.index("{") :])

    assert follow("me")["mode"] == "test"
    sqlite_stack.arrived(phone, follow("sms")["messageId"])
    sent = follow("code")
    sqlite_stack.arrived(phone, sent["messageId"])
    code = re.findall(r"[0-9]{6}", follow("inbox")["messages"][-1]["text"])[0]
    assert follow("verify", _123456=code)["verified"] is True


TRICKY = {"text": 'L\'été à 100 % — $HOME `x` \\ "q" \n${a} €😀', "no": None, "yes": True, "list": [1, 2.5, "true"]}


@pytest.mark.parametrize("language", RUNNERS)
def test_a_sample_sends_exactly_what_it_shows(sqlite_stack: Stack, language: str, tmp_path: Path) -> None:
    phone = new_phone()
    body = {"phoneNumber": phone, "message": TRICKY["text"], "ignored": TRICKY}
    call = code_samples.SampleCall(
        "POST", f"{sqlite_stack.settings.address}/messages/send", body, {"Idempotency-Key": "it's $1"}
    )
    caller = sqlite_stack.client("test")
    out = run(language, code_samples.written(call)[language], tmp_path, **{code_samples.KEY: caller.key})
    answer = json.loads(out[out.index("{") :])
    assert sqlite_stack.arrived(phone, answer["messageId"]).text == TRICKY["text"]


LIBRARIES = ("python", "javascript", "php")
ANSWERED = {
    "python": "print(answer({headers}, {body}.encode()))",
    "javascript": "console.log(await answer({headers}, {body}));",
    "php": "echo answer(json_decode('{headers}', true), json_decode('{body}'));",
}


@pytest.fixture
def clients(sqlite_stack: Stack, tmp_path: Path) -> str:
    """The page of the client libraries; its files have been downloaded."""
    page = sqlite_stack.http.get("/docs/fr/clients").text
    files = dict(re.findall(r'<a download\s+href="([^"]*)"><code>([^<]*)</code>', page))
    assert len(files) == 5
    for address, name in files.items():
        tmp_path.joinpath(name).write_bytes(sqlite_stack.http.get(address).content)
    return page


@pytest.mark.parametrize("language", LIBRARIES)
def test_the_sample_of_a_client_library_sends_and_verifies(
    sqlite_stack: Stack, clients: str, language: str, tmp_path: Path
) -> None:
    phone = new_phone()
    text = shown(clients, "client", language).replace("+22238089336", phone)
    out = run(language, text, tmp_path, **{code_samples.KEY: sqlite_stack.client("test").key})
    message_id, seconds, code, tries = out.split()[:4]
    assert re.search(r"\d{6}", sqlite_stack.arrived(phone, message_id).text)
    assert (seconds, code, tries) == ("600", "invalid_otp", "2")


@pytest.mark.parametrize("language", LIBRARIES)
def test_the_sample_of_a_client_library_answers_webhooks(clients: str, language: str, tmp_path: Path) -> None:
    secret, body = signing.new_secret(), '{"type": "otp.verified"}'
    headers = signing.headers([secret], "evt_1", body.encode(), utcnow())
    text = shown(clients, "client_webhook", language)
    for sent, told in ((body, ["otp.verified", "204"]), (body + " ", ["400"])):
        call = ANSWERED[language].format(headers=json.dumps(headers), body=json.dumps(sent))
        assert run(language, f"{text}\n{call}", tmp_path, CHINQIT_WEBHOOK_SECRET=secret).split() == told
