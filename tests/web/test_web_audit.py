"""Who came in, or tried to, is told for the audit log."""

from dataclasses import replace

from web.site import EXTENSION


def test_sign_ins_and_wrong_passwords_are_noted(world, browser):
    notes = []
    world.app.extensions[EXTENSION] = replace(
        world.site, note_sign_in=lambda person, action, detail: notes.append((person, action, detail))
    )
    world.person("olivia", "correct horse battery")
    browser("olivia")
    browser().post("/sign-in", {"name": "olivia", "password": "wrong"})
    assert [(person, action) for person, action, _ in notes] == [
        ("olivia", "signed_in"),
        ("olivia", "sign_in_refused"),
    ]
    assert notes[1][2].startswith("wrong password, from ")
