"""Traces for OpenTelemetry: what became of a message, from the request to the carrier, across processes.

The trace of a message has the message's id, without its hyphens: nothing has to be kept to find it again, and whoever
has the id of a message has its trace. Spans are told when they are over. None holds a number, a text, a code or a key.

Nothing is loaded and nothing is done unless there is a collector's address.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import SpanKind

Attributes = Mapping[str, str | int]
TIMEOUT_SECONDS = 3  # for the collector to answer: the end of a process waits for it
SPAN_ID = 2**64 - 1  # a span's id has half the bits of a trace's


@dataclass(frozen=True)
class Span:
    """Something that is over: when it began and ended, in nanoseconds since 1970, and the code of what went wrong."""

    name: str
    began: int
    ended: int
    attributes: Attributes = field(default_factory=dict)
    error: str | None = None


class Traces:
    """Sends spans to a collector, in the background; one that is gone holds nothing up."""

    def __init__(self, endpoint: str, part: str) -> None:
        self.endpoint, self.part = endpoint, part
        self._opening = threading.Lock()
        self._pid = 0
        self._root = threading.local()

    def request(self, message_ids: Iterable[str], request: Span, accept: Span) -> None:
        """A call of the API that took messages, and in it the time until they were durable: in the trace of each."""
        from opentelemetry.trace import SpanKind

        for message_id in message_ids:
            self._tell(message_id, request, SpanKind.SERVER, is_root=True)
            self._tell(message_id, accept, SpanKind.INTERNAL)

    def delivery(self, message_id: str, deliver: Span, carrier: Span) -> None:
        """A try to deliver a message, and in it the carrier's part."""
        from opentelemetry.trace import SpanKind

        above = self._tell(message_id, deliver, SpanKind.CONSUMER)
        self._tell(message_id, carrier, SpanKind.CLIENT, above)

    def close(self) -> None:
        """Send what waits, and end. A process that ends does it by itself."""
        self._of_process().shutdown()

    def _tell(self, message_id: str, told: Span, kind: SpanKind, above: int = 0, *, is_root: bool = False) -> int:
        """Tell a span below the one `above`, or below the request; return its id."""
        from opentelemetry import trace

        trace_id = UUID(message_id).int
        root = trace_id & SPAN_ID
        parent: trace.Span = trace.INVALID_SPAN
        if not is_root:
            sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
            parent = trace.NonRecordingSpan(
                trace.SpanContext(trace_id, above or root, is_remote=True, trace_flags=sampled)
            )
        self._root.ids = (trace_id, root) if is_root else None
        tracer = self._of_process().get_tracer("chinqit")
        context = trace.set_span_in_context(parent)
        span = tracer.start_span(told.name, context, kind, dict(told.attributes), start_time=told.began)
        if told.error is not None:
            span.set_status(trace.StatusCode.ERROR, told.error)
        span.end(told.ended)
        return span.get_span_context().span_id

    def _of_process(self) -> TracerProvider:
        """What sends in this very process: threads do not survive a fork."""
        if self._pid != os.getpid():
            with self._opening:
                if self._pid != os.getpid():
                    self._provider = self._open()
                    self._pid = os.getpid()
        return self._provider

    def _open(self) -> TracerProvider:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        root = self._root

        class MessageIds(RandomIdGenerator):
            """The ids of a request follow from its message; what is below it has the trace's, and one of its own."""

            def generate_trace_id(self) -> int:
                return int(root.ids[0]) if root.ids else super().generate_trace_id()

            def generate_span_id(self) -> int:
                return int(root.ids[1]) if root.ids else super().generate_span_id()

        # The trace's id is not random in all its bits: a share of all traces is the collector's to choose.
        resource = Resource.create({"service.name": "chinqit", "service.instance.id": f"{self.part} {os.getpid()}"})
        provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, id_generator=MessageIds())
        address = f"{self.endpoint.rstrip('/')}/v1/traces"
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address, timeout=TIMEOUT_SECONDS)))
        return provider


def open_traces(endpoint: str, part: str) -> Traces | None:
    """For a process and its forks; None without the address of a collector."""
    return Traces(endpoint, part) if endpoint else None
