"""Our packets read by another's codec, and another's by ours; and another's server as the SMSC."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import smpp34

from dashboard.providers.base import Outgoing
from dashboard.providers.smpp import pdu as pdus
from dashboard.providers.smpp import receipts, submit_sm
from dashboard.providers.smpp.pdu import Pdu
from dashboard.providers.smpp.settings import SmppSettings
from tests.support.present import present
from tests.support.smpp.host import Desk
from tests.support.stack import until


@pytest.mark.parametrize("long_texts", ["udh", "sar", "payload"])
def test_our_submit_sm_is_read_by_another_codec(text: Callable[..., Outgoing], long_texts: str) -> None:
    settings = SmppSettings(host="h", system_id="a", sender="Chinqit", long_texts=long_texts, service_type="OTP")
    outgoing = text("é€" * 130, phone="+22238089336")
    bodies = submit_sm.bodies(outgoing, settings, submit_sm.begin(settings, settings.sender))
    read = [smpp34.decode(pdus.pack(pdus.SUBMIT_SM, 7, body)) for body in bodies]
    assert {type(item) for item in read} == {smpp34.SubmitSm}
    first = read[0]
    assert isinstance(first, smpp34.SubmitSm)
    assert (first.source_addr, first.source_addr_ton, first.source_addr_npi) == ("Chinqit", 5, 0)
    assert (first.destination_addr, first.dest_addr_ton, first.dest_addr_npi) == ("22238089336", 1, 1)
    assert (first.service_type, first.registered_delivery, first.data_coding) == ("OTP", 1, 0)
    assert first.validity_period == "000000000959000R" or first.validity_period == "000000001000000R"
    assert {tlv.tag for tlv in first.tlvs} == {"udh": set(), "sar": {0x020C, 0x020E, 0x020F}, "payload": {0x0424}}[
        long_texts
    ]
    assert len(read) == (1 if long_texts == "payload" else 3)


def test_another_codecs_deliver_sm_is_read_by_ours() -> None:
    text = b"id:0A3F stat:DELIVRD err:000"
    tlvs = [smpp34.Tlv(pdus.RECEIPTED_MESSAGE_ID, b"BEEF\0"), smpp34.Tlv(pdus.MESSAGE_STATE, b"\x05")]
    made = smpp34.DeliverSm("22238089336", "Chinqit", text, esm_class=4, tlvs=tlvs, sequence_number=3).encode()
    (pdu,) = pdus.PduReader().feed(made)
    found = present(receipts.read(pdus.delivery(pdu)))
    assert (pdu.command, pdu.sequence) == (pdus.DELIVER_SM, 3)
    assert (found.references[0], found.state, found.phone) == ("beef", "failed", "+22238089336")


def test_a_bind_is_read_by_another_codec() -> None:
    read = smpp34.decode(pdus.pack(pdus.BIND_TRANSCEIVER, 1, pdus.bind(("gw", "secret08", "OTP"), "3.4", 0, 0, "")))
    assert isinstance(read, smpp34.RawPdu)
    assert read.body == b"gw\0secret08\0OTP\0\x34\0\0\0"


def test_pdu_repr_is_short() -> None:
    assert "body" not in repr(Pdu(4, 0, 1, b"x"))


class Server:
    """smpp34's server: accepts every bind and text, and sends a receipt for each."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.texts: list[bytes] = []
        self.unbound = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._serve(),), daemon=True)
        self.thread.start()
        until(self._listens, 10)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def _serve(self) -> None:
        self.stopping = asyncio.Event()
        server = smpp34.Server(host="127.0.0.1", port=self.port, system_id="OTHER")
        await server.start()
        work = asyncio.ensure_future(self._answer(server))
        await self.stopping.wait()
        work.cancel()
        await server.stop()

    async def _answer(self, server: smpp34.Server) -> None:
        sessions = {}
        while True:
            event = await server.next()
            if isinstance(event, smpp34.Esme):
                sessions[event.session_id] = event
            elif isinstance(event, smpp34.SubmitSmEvent):
                self.texts.append(event.short_message)
                name = f"{len(self.texts):08X}"
                event.accept(name)
                await sessions[event.session_id].deliver_sm(
                    event.source_addr,
                    source_addr=event.destination_addr,
                    esm_class=4,
                    short_message=f"id:{int(name, 16)} sub:001 dlvrd:001 stat:DELIVRD err:000".encode(),
                )
            else:
                self.unbound += 1

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def test_another_smsc_takes_texts_and_its_receipts_find_them(
    server: Server, open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    desk = open_desk(server.port)
    outgoings = [text(f"code {number}") for number in range(50)]
    results = desk.outcomes(*outgoings)
    assert sorted(server.texts) == sorted(outgoing.text.encode() for outgoing in outgoings)
    until(lambda: len(desk.journal.receipts) == 50, 10)
    by_phone = {receipt.phone: receipt.references for receipt in desk.journal.receipts}  # some before their answers
    assert all(
        result.reference in by_phone[outgoing.phone] for outgoing, result in zip(outgoings, results, strict=True)
    )
    desk.provider.close()
    until(lambda: server.unbound >= 1, 10)
