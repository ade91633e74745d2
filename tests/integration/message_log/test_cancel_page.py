"""The drawer's button that cancels a message which still waits."""

from __future__ import annotations

from dashboard.models.messages import Message
from tests.support.dashboard_client import PARTIAL, Browser, World

LOG = "/dashboard/messages/"


def stored(world: World, message: Message) -> Message:
    return world.settle(message.id)


def test_a_waiting_message_is_cancelled_from_its_drawer(operator: Browser, world: World) -> None:
    message = world.text(world.key())
    drawer = operator.get(f"{LOG}{message.uuid}", headers=PARTIAL).text
    assert f"{LOG}{message.uuid}/cancel" in drawer
    assert "Cancel this message?" in operator.get(f"{LOG}{message.uuid}/cancel", headers=PARTIAL).text
    answer = operator.post(f"{LOG}{message.uuid}/cancel", headers=PARTIAL)
    assert "Message cancelled" in answer.text and answer.headers["HX-Trigger"] == "close-dialog"
    assert (stored(world, message).status, stored(world, message).error_code) == ("expired", "cancelled")
    assert f"{LOG}{message.uuid}/cancel" not in operator.get(f"{LOG}{message.uuid}", headers=PARTIAL).text


def test_what_left_or_is_a_code_or_a_trial_is_not_offered_and_not_cancelled(operator: Browser, world: World) -> None:
    key = world.key()
    for message in (world.text(key, **world.sent()), world.code(key), world.text(key, claim="token")):
        assert "/cancel" not in operator.get(f"{LOG}{message.uuid}", headers=PARTIAL).text
        assert operator.get(f"{LOG}{message.uuid}/cancel", headers=PARTIAL).status_code == 409
        assert operator.post(f"{LOG}{message.uuid}/cancel", headers=PARTIAL).status_code == 409
        assert stored(world, message).error_code != "cancelled"


def test_the_desk_and_viewers_may_not(viewer: Browser, world: World) -> None:
    message = world.text(world.key())
    assert "/cancel" not in viewer.get(f"{LOG}{message.uuid}", headers=PARTIAL).text
    assert viewer.post(f"{LOG}{message.uuid}/cancel", headers=PARTIAL).status_code == 403
