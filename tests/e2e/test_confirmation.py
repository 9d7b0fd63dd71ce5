"""The code of an enrolment with a real agent beside a real hub: nothing is admitted before its owner typed it."""

from __future__ import annotations

import re
import subprocess

import pytest

from agent import enrolment
from tests.support import pictures
from tests.support.hubs import AGENT, ROOT, Owned, Rig, write_agent_settings
from tests.support.pictures import fine
from tests.support.waiting import until


def test_an_agent_shows_a_code_and_is_let_in_once_it_is_typed(rig: Rig) -> None:
    view = rig.hub.view(rig.person())
    card, invitation = view.add_printer("a printer", ask_code=True)
    home = rig.folder / card.id
    home.mkdir()
    write_agent_settings(home, pictures.clip(home / "clip.mjpeg", fine()), loop=True)
    command = [*AGENT, "--home", str(home), "enrol", invitation.line]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as enrolling:
        told = "".join(enrolling.stdout.readline() for _ in range(3))
        code = re.search(r"the code is  (\d{3} \d{3})", told)[1]
        assert "the printer's display shows it too" in told
        assert card.id not in rig.hub.credentials.usernames()
        wrong = f"{(int(code.replace(' ', '')) + 1) % 10**6:06}"
        with pytest.raises(ValueError, match="not the code"):
            view.confirm(card.id, wrong)
        assert not (home / "printer.credential.json").exists()
        view.confirm(card.id, code)
        assert enrolling.wait(30) == 0
    printer = Owned(card.id, view, home, enrolment.load(home / "printer.credential.json"))
    until(lambda: rig.can_log_in(printer.credential))
    rig.agent(printer, fine(), loop=True)
    printer.watch("watched")
