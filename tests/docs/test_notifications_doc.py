"""docs/notifications.md is held to the code: its snippet runs, its members and figures are the real ones."""

import json
import re
import time
from pathlib import Path

from hub.notify import courier, post, rules, through_apprise, webhook
from hub.notify.links import LIFETIME_S
from hub.notify.message import Item, compose

TEXT = (Path(__file__).parents[2] / "docs/notifications.md").read_text(encoding="utf-8")


def test_the_check_of_a_signature_works_as_it_stands_there():
    names = {}
    exec(re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1], names)
    sent = {}
    message = compose("t-1-1", [Item(1, 1.0, "p", "Prusa", "failing", "alarm", "failing")])
    webhook.send(
        lambda _url, body, headers: sent.update(body=body, headers=headers),
        "u",
        "s3cret",
        message,
        time.time(),
    )
    assert names["genuine"]("s3cret", sent["headers"], sent["body"])
    assert not names["genuine"]("other", sent["headers"], sent["body"])
    assert not names["genuine"]("s3cret", sent["headers"], sent["body"] + b" ")
    old = {**sent["headers"], webhook.TIMESTAMP: "1"}
    assert not names["genuine"]("s3cret", old, sent["body"])
    for member in json.loads(sent["body"]):
        assert f"`{member}`" in TEXT


def test_its_figures_are_those_of_the_code():
    assert (rules.BURST, rules.FIRST_WAIT_S, rules.LONGEST_WAIT_S, rules.CALM_S) == (3, 60, 1800, 600)
    assert rules.BURST_OF_ALL == 5
    assert (rules.FIRST_RETRY_S, rules.LONGEST_RETRY_S, courier.TELL_AFTER) == (10, 1800, 3)
    assert (post.WHOLE_S, through_apprise.TIMEOUT_S, courier.STALE_S) == (20, 45, 86_400)
    assert LIFETIME_S == 12 * 3600
