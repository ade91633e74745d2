"""One call to the API, written in the languages of its callers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

KEY = "CHINQIT_KEY"  # the environment variable that holds the API key
LANGUAGES = {
    "curl": "curl",
    "python": "Python",
    "javascript": "JavaScript",
    "php": "PHP",
    "dart": "Dart",
    "kotlin": "Kotlin",
}


@dataclass(frozen=True)
class SampleCall:
    """What is to be asked. `url` is whole; `body` becomes JSON. What is open to all or signed needs no key."""

    method: str
    url: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    needs_key: bool = True
    key_header: str = "X-API-Key"


def written(call: SampleCall) -> dict[str, str]:
    """The call in each of LANGUAGES."""
    return {name: write(call) for name, write in WRITERS.items()}


def _curl(call: SampleCall) -> str:
    method = "" if call.method == ("POST" if call.body is not None else "GET") else f"-X {call.method} "
    parts = [f"curl {method}{_shell(call.url)}"]
    parts += [f'-H "{call.key_header}: ${KEY}"'] if call.needs_key else []
    parts += [f"-H {_shell(f'{name}: {value}')}" for name, value in call.headers.items()]
    if call.body is not None:
        parts += ["-H 'Content-Type: application/json'", f"-d {_shell(_json(call.body))}"]
    return " \\\n  ".join(parts)


def _python(call: SampleCall) -> str:
    headers = [f'"{call.key_header}": environ["{KEY}"]'] if call.needs_key else []
    headers += [f"{_quoted(name)}: {_quoted(value)}" for name, value in call.headers.items()]
    lines = ["from os import environ", "", "import requests", ""] if call.needs_key else ["import requests", ""]
    lines += [f"answer = requests.{call.method.lower()}(", f"    {_quoted(call.url)},"]
    lines += [f"    headers={{{', '.join(headers)}}},"] if headers else []
    lines += [f"    json={_indented(_python_value(call.body), 4)},"] if call.body is not None else []
    return "\n".join([*lines, "    timeout=15,", ")", "print(answer.status_code, answer.text)"])


def _javascript(call: SampleCall) -> str:
    headers = [f'"{call.key_header}": process.env.{KEY}'] if call.needs_key else []
    headers += [f"{_quoted(name)}: {_quoted(value)}" for name, value in call.headers.items()]
    headers += ['"Content-Type": "application/json"'] if call.body is not None else []
    lines = [f"const answer = await fetch({_quoted(call.url)}, {{"]
    lines += [f"  method: {_quoted(call.method)},"] if call.method != "GET" else []
    lines += [f"  headers: {{ {', '.join(headers)} }},"] if headers else []
    lines += [f"  body: JSON.stringify({_indented(_json(call.body), 2)}),"] if call.body is not None else []
    lines += ["  signal: AbortSignal.timeout(15000),", "});"]
    return "\n".join([*lines, "console.log(answer.status, await answer.text());"])


def _php(call: SampleCall) -> str:
    headers = [f"'{call.key_header}: ' . getenv('{KEY}')"] if call.needs_key else []
    headers += [_single(f"{name}: {value}") for name, value in call.headers.items()]
    headers += ["'Content-Type: application/json'"] if call.body is not None else []
    lines = ["<?php", f"$call = curl_init({_single(call.url)});", "curl_setopt_array($call, ["]
    lines += [f"    CURLOPT_CUSTOMREQUEST => '{call.method}',"] if call.method != "GET" else []
    lines += [f"    CURLOPT_HTTPHEADER => [{', '.join(headers)}],"] if headers else []
    lines += [f"    CURLOPT_POSTFIELDS => {_single(_json(call.body))},"] if call.body is not None else []
    lines += ["    CURLOPT_RETURNTRANSFER => true,", "    CURLOPT_TIMEOUT => 15,", "]);", "$answer = curl_exec($call);"]
    return "\n".join([*lines, "echo curl_getinfo($call, CURLINFO_RESPONSE_CODE), ' ', $answer, PHP_EOL;"])


def _dart(call: SampleCall) -> str:
    headers = [f"'{call.key_header}': Platform.environment['{KEY}']!"] if call.needs_key else []
    headers += [f"{_dart_text(name)}: {_dart_text(value)}" for name, value in call.headers.items()]
    headers += ["'Content-Type': 'application/json'"] if call.body is not None else []
    imports = ["import 'dart:convert';"] * (call.body is not None) + ["import 'dart:io';"] * call.needs_key
    lines = [*imports, "import 'package:http/http.dart' as http;", "", "Future<void> main() async {"]
    lines += [f"  final answer = await http.{call.method.lower()}(", f"    Uri.parse({_dart_text(call.url)}),"]
    lines += [f"    headers: {{{', '.join(headers)}}},"] if headers else []
    lines += [f"    body: jsonEncode({_indented(_dart_value(call.body), 4)}),"] if call.body is not None else []
    lines += ["  ).timeout(const Duration(seconds: 15));", "  print('${answer.statusCode} ${answer.body}');", "}"]
    return "\n".join(lines)


def _kotlin(call: SampleCall) -> str:
    lines = ["import java.net.URI", "import java.net.http.HttpClient", "import java.net.http.HttpRequest"]
    lines += ["import java.net.http.HttpResponse.BodyHandlers", "import java.time.Duration", "", "fun main() {"]
    if call.body is not None:
        text = _json(call.body).replace("$", "${'$'}")
        lines += [f'    val body = """{_indented(text, 4)}"""']
    publisher = "HttpRequest.BodyPublishers." + ("noBody()" if call.body is None else "ofString(body)")
    lines += [f"    val call = HttpRequest.newBuilder(URI({_quoted(call.url)}))"]
    lines += [f'        .header("{call.key_header}", System.getenv("{KEY}"))'] if call.needs_key else []
    lines += [f"        .header({_quoted(name)}, {_quoted(value)})" for name, value in call.headers.items()]
    lines += ['        .header("Content-Type", "application/json")'] if call.body is not None else []
    lines += [f"        .method({_quoted(call.method)}, {publisher})", "        .timeout(Duration.ofSeconds(15))"]
    lines += ["        .build()", "    val answer = HttpClient.newHttpClient().send(call, BodyHandlers.ofString())"]
    return "\n".join([*lines, '    println("${answer.statusCode()} ${answer.body()}")', "}"])


WRITERS = {
    "curl": _curl,
    "python": _python,
    "javascript": _javascript,
    "php": _php,
    "dart": _dart,
    "kotlin": _kotlin,
}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _shell(text: str) -> str:
    return text if re.fullmatch(r"[\w:/.?=&-]+", text) and "?" not in text else "'" + text.replace("'", "'\\''") + "'"


def _single(text: str) -> str:
    """In PHP."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _dart_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\$").replace("\n", "\\n") + "'"


def _python_value(value: Any) -> str:
    """As JSON is laid out, with the names that Python has for true, false and null."""
    return _swapped(_json(value), {"true": "True", "false": "False", "null": "None"})


def _dart_value(value: Any) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', lambda string: _dart_text(json.loads(string[0])), _json(value))


def _swapped(text: str, names: dict[str, str]) -> str:
    """Replace bare words, not those inside of strings."""
    return re.sub(r'"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b', lambda word: names.get(word[0], word[0]), text)


def _indented(text: str, by: int) -> str:
    return text.replace("\n", "\n" + " " * by)
