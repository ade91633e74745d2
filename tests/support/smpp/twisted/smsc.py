"""An SMSC that nobody here wrote: smpp.twisted, the SMPP library of Jasmin.

It takes the options below, in the names of `node/smsc.js`, writes its ledger in the same words, and answers the same
requests on its control port (`Smsc.ask`).
"""

from __future__ import annotations

import argparse
import http.server
import itertools
import json
import sys
import threading
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from smpp.pdu import constants, operations, pdu_types
from smpp.pdu.pdu_encoding import DataCodingEncoder
from smpp.pdu.pdu_types import CommandStatus, EsmClassGsmFeatures, RegisteredDeliveryReceipt
from smpp.twisted.config import SMPPServerConfig
from smpp.twisted.protocol import DataHandlerResponse, SMPPServerProtocol
from smpp.twisted.server import SMPPServerFactory
from twisted.cred.error import UnauthorizedLogin
from twisted.internet import defer, reactor, task, threads

ACCOUNT = "test"
ESCAPE = "\x1b"
# The default alphabet of 3GPP TS 23.038, 6.2.1, and its extension
GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {10: "\f", 20: "^", 40: "{", 41: "}", 47: "\\", 60: "[", 61: "~", 62: "]", 64: "|", 101: "€"}
MODES = {"bind_transceiver": "transceiver", "bind_transmitter": "transmitter", "bind_receiver": "receiver"}
ERRORS = {"UNDELIV": 1, "EXPIRED": 27, "REJECTD": 69}
STATES = {"DELIVRD": "DELIVERED", "UNDELIV": "UNDELIVERABLE", "EXPIRED": "EXPIRED", "REJECTD": "REJECTED"}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--password", default="secret08")
    parser.add_argument("--default-alphabet", choices=["gsm", "latin1", "ascii"], default="gsm")
    parser.add_argument("--max-binds", type=int, default=10)
    parser.add_argument("--receipts", choices=["on", "off"], default="on")
    parser.add_argument("--receipt-delay", type=float, default=20, help="milliseconds")
    parser.add_argument("--receipt-stat", default="DELIVRD")
    parser.add_argument("--receipt-format", choices=["text", "tlv", "both"], default="text")
    parser.add_argument("--resp-delay", type=float, default=0, help="milliseconds")
    parser.add_argument("--throttle-every", type=int, default=0)
    parser.add_argument("--queue-full-every", type=int, default=0)
    parser.add_argument("--fail-every", type=int, default=0)
    parser.add_argument("--fail-status", type=lambda text: int(text, 0), default=0x45)
    parser.add_argument("--unbind-after", type=int, default=0, help="submits of a session")
    return parser.parse_args()


class Ledger:
    """What happened, a line of JSON an event; and how often."""

    def __init__(self) -> None:
        self.stats: Counter[str] = Counter(dropped=0, errors=0, max_window=0, receipts_nacked=0)

    def note(self, event: str, **facts: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        sys.stdout.write(json.dumps({"t": now, "ev": event} | facts) + "\n")
        sys.stdout.flush()  # before an answer goes out


class Session(SMPPServerProtocol):  # type: ignore[misc]  # smpp.twisted has no types
    """A connection; it notes what the library does."""

    factory: Factory
    mode = ""
    submits = 0

    def PDUReceived(self, pdu: Any) -> None:
        if pdu.id.name in MODES:
            self.mode = MODES[pdu.id.name]
        if pdu.id.name == "unbind":
            self.factory.ledger.note("unbind", open=len(self.inTxns))
        super().PDUReceived(pdu)

    def sendPDU(self, pdu: Any) -> None:
        asked = pdu.id.name.removesuffix("_resp")
        if asked in MODES and asked != pdu.id.name:
            account = self.system_id or ACCOUNT
            self.factory.ledger.note(
                "bind", mode=self.mode, system_id=account, status=constants.command_status_name_map[pdu.status.name]
            )
        super().sendPDU(pdu)


class Factory(SMPPServerFactory):  # type: ignore[misc]  # smpp.twisted has no types
    """Listens, takes texts, sends receipts."""

    protocol = Session

    def __init__(self, told: argparse.Namespace) -> None:
        self.told, self.ledger = told, Ledger()
        self.submits, self.ids = itertools.count(1), itertools.count(1)
        self.parts: dict[tuple[str, int], dict[int, str]] = {}
        self.port: Any = None
        config = SMPPServerConfig(msgHandler=self.taken, systems={ACCOUNT: {"max_bindings": told.max_binds}})
        super().__init__(config, auth_portal=None)

    def login(self, system_id: str, password: str, _address: str) -> Any:
        if (system_id, password) != (ACCOUNT, self.told.password):
            return defer.fail(UnauthorizedLogin())
        return defer.succeed((None, None, None))

    def listen(self, port: int) -> int:
        self.port = reactor.listenTCP(port, self, interface="127.0.0.1")
        bound: int = self.port.getHost().port
        return bound

    def taken(self, _account: str, session: Session, pdu: Any) -> Any:
        """Judge a submit_sm, note it, and answer it."""
        number, params = next(self.submits), pdu.params
        session.submits += 1
        self.ledger.stats["max_window"] = max(self.ledger.stats["max_window"], len(session.inTxns))
        status = self.verdict(number)
        text, concat, raw = read(params, self.told.default_alphabet)
        destination = params["destination_addr"].decode()
        facts: dict[str, Any] = {
            "n": number,
            "seq": pdu.seqNum,
            "id": f"{next(self.ids):x}-{number}" if status == 0 else "",
            "src": params["source_addr"].decode(),
            "dest": destination,
            "registered": int(wants_receipt(params)),
            "len": len(raw),
            "text": text,
            "concat": concat,
            "status": status,
        }
        if concat and status == 0:
            parts = self.parts.setdefault((destination, concat["ref"]), {})
            parts[concat["seq"]] = text
            if len(parts) == concat["total"]:
                facts["full"] = "".join(parts[place] for place in sorted(parts))
                del self.parts[destination, concat["ref"]]
        self.ledger.note("submit_sm", **facts)
        if status == 0 and self.told.receipts == "on" and wants_receipt(params):
            wait = (self.told.resp_delay + self.told.receipt_delay) / 1000
            reactor.callLater(wait, self.send_receipt, facts, params)
        if session.submits == self.told.unbind_after:
            self.ledger.note("unbind_out")
            reactor.callLater(0, session.unbindAndDisconnect)
        name = constants.command_status_value_map[status]["name"]
        answer = DataHandlerResponse(CommandStatus[name], message_id=facts["id"])
        return task.deferLater(reactor, self.told.resp_delay / 1000, lambda: answer) if self.told.resp_delay else answer

    def verdict(self, number: int) -> int:
        for every, status in (
            (self.told.throttle_every, 0x58),
            (self.told.queue_full_every, 0x14),
            (self.told.fail_every, self.told.fail_status),
        ):
            if every and number % every == 0:
                return int(status)
        return 0

    def send_receipt(self, facts: dict[str, Any], params: dict[str, Any]) -> None:
        sessions = self.getBoundConnections(ACCOUNT)
        session = sessions.getNextBindingForDelivery() if sessions else None
        if session is None or not session.isBound():
            self.ledger.note("receipt_unsent", id=facts["id"])
            return
        stat, now = self.told.receipt_stat, f"{datetime.now(UTC):%y%m%d%H%M}"
        words = (
            f"id:{facts['id']} sub:001 dlvrd:{int(stat == 'DELIVRD'):03} submit date:{now} done date:{now} stat:{stat}"
            f" err:{ERRORS.get(stat, 0):03} text:"
        )
        fields: dict[str, Any] = {
            "source_addr": params["destination_addr"],
            "destination_addr": params["source_addr"],
            "esm_class": pdu_types.EsmClass(
                pdu_types.EsmClassMode.DEFAULT, pdu_types.EsmClassType.SMSC_DELIVERY_RECEIPT
            ),
            "short_message": b"" if self.told.receipt_format == "tlv" else words.encode(),
        }
        if self.told.receipt_format != "text":
            fields["receipted_message_id"] = facts["id"]
            fields["message_state"] = pdu_types.MessageState[STATES[stat]]
        self.ledger.note("receipt", id=facts["id"], dest=facts["dest"], stat=stat)
        session.sendDataRequest(operations.DeliverSM(**fields)).addCallbacks(self.acknowledged, self.not_acknowledged)

    def acknowledged(self, _result: Any) -> None:
        self.ledger.stats["receipts_acked"] += 1

    def not_acknowledged(self, _failure: Any) -> None:
        self.ledger.stats["receipts_nacked"] += 1

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """stats; drop, outage and unbind of all sessions."""
        sessions = list(self.getBoundConnections(ACCOUNT) or ())
        if path == "/stats":
            return dict(self.ledger.stats)
        if path == "/unbind":
            for session in sessions:
                session.unbindAndDisconnect()
        elif path in ("/drop", "/outage"):
            for session in sessions:
                self.ledger.stats["dropped"] += 1
                session.transport.abortConnection()
            if path == "/outage":
                port = self.port.getHost().port
                self.port.stopListening()
                reactor.callLater(body["ms"] / 1000, self.listen, port)
        else:
            raise ValueError(path)
        return {"sessions": len(sessions)}


def wants_receipt(params: dict[str, Any]) -> bool:
    wanted: bool = params["registered_delivery"].receipt != RegisteredDeliveryReceipt.NO_SMSC_DELIVERY_RECEIPT_REQUESTED
    return wanted


def read(params: dict[str, Any], default_alphabet: str) -> tuple[str, dict[str, Any] | None, bytes]:
    """The words of a submit_sm, its place among the parts of a long text, and the octets without their header."""
    raw: bytes = params["short_message"] or params.get("message_payload") or b""
    concat = None
    if EsmClassGsmFeatures.UDHI_INDICATOR_SET in params["esm_class"].gsmFeatures:
        header, raw = raw[1 : raw[0] + 1], raw[raw[0] + 1 :]
        wide = header[0] == 8  # 3GPP TS 23.040, 9.2.3.24.8: the reference has 16 bits; 9.2.3.24.1: 8 bits
        reference = int.from_bytes(header[2 : 4 if wide else 3], "big")
        concat = {"how": "udh16" if wide else "udh8", "ref": reference, "total": header[-2], "seq": header[-1]}
    elif params.get("sar_total_segments"):
        reference = params["sar_msg_ref_num"]
        total, place = params["sar_total_segments"], params["sar_segment_seqnum"]
        concat = {"how": "sar", "ref": reference, "total": total, "seq": place}
    coding = DataCodingEncoder().encode(params["data_coding"])[0]
    return decoded(raw, 3 if coding == 0 and default_alphabet != "gsm" else coding), concat, raw


def decoded(raw: bytes, coding: int) -> str:
    if coding == 8:
        return raw.decode("utf-16-be", "surrogatepass")
    if coding == 3:
        return raw.decode("latin-1")
    words, octets = "", iter(raw)
    for octet in octets:
        words += EXTENSION[next(octets)] if GSM[octet] == ESCAPE else GSM[octet]
    return words


def serve_control(factory: Factory, port: int) -> int:
    """Answer the requests of `Smsc.ask`, in a thread; which port that is."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer({})

        def do_POST(self) -> None:
            self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def answer(self, body: dict[str, Any]) -> None:
            found = threads.blockingCallFromThread(reactor, factory.ask, self.path, body)
            content = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            """Standard output is the ledger's."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def main() -> None:
    told = options()
    factory = Factory(told)
    factory.ledger.note("listen", port=factory.listen(told.port))
    factory.ledger.note("control", port=serve_control(factory, told.control_port))
    reactor.run()


if __name__ == "__main__":
    main()
