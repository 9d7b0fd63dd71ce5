"""Connecting an agent through the pages, with and without a code."""

from __future__ import annotations

import html
import re

from agent.enrolment import code, parse


def ticket_in(page):
    return parse(html.unescape(re.search(r'<span id="line">([^<]+)</span>', page.text)[1]))


def test_without_being_asked_there_is_no_code(olivia, world):
    page = olivia.post("/printers/new", {"name": "Bench"})
    assert "six digits" not in page.text
    assert world.registrar.redeem(ticket_in(page)).confirm_s == 0


def test_a_code_is_asked_for_and_confirmed_on_the_page_of_the_line(olivia, world):
    page = olivia.post("/printers/new", {"name": "Bench", "code": "on"})
    ticket, (row,) = ticket_in(page), world.printers.all()
    issued = world.registrar.redeem(ticket)
    assert issued.confirm_s > 0
    assert f'action="/p/{row.id}/confirm"' in page.text
    wrong = olivia.post(f"/p/{row.id}/confirm", {"code": "12345"})
    assert (wrong.status_code, world.printers.get(row.id).enrolled) == (422, None)
    assert "This is not the code" in wrong.text
    shown = code(issued.key, ticket.identity)
    answer = olivia.post(f"/p/{row.id}/confirm", {"code": f"{shown[:3]} {shown[3:]}"})
    assert (answer.status_code, answer.location) == (303, f"/p/{row.id}")
    assert world.printers.get(row.id).key == issued.key
    assert "Confirmed" in olivia.get(f"/p/{row.id}").text


def test_a_new_line_for_a_printer_may_ask_for_one_too(olivia, world):
    printer = world.printer("Bench", "olivia")
    assert "Ask for a code" in olivia.get(f"/p/{printer}/settings").text
    page = olivia.post(f"/p/{printer}/invite", {"code": "on"})
    assert world.registrar.redeem(ticket_in(page)).confirm_s > 0
    assert "six digits" in olivia.get(f"/p/{printer}/confirm").text
