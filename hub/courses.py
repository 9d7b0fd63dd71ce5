"""Which stored prints of a printer are known to be good or failing, as courses to tune its limits by."""

from __future__ import annotations

from hub.prints import ended_well
from hub.store.prints import FALSE_ALARM, MISSED, FeedbackRow, PrintRow, Prints
from hub.tuning import Course

#: Where nobody said when a print began to fail, the first picture after which it was so certain counts.
SUSPECT = 0.01
MOST_PRINTS = 1000


def courses_of(prints: Prints, printer: str) -> tuple[list[Course], int]:
    """The courses of its prints of which it is known how they went, and how many others there are."""
    rows = [row for row in prints.of(printer, MOST_PRINTS) if row.ended is not None]
    said = prints.feedback(printer)
    courses = [_course(prints, row, said) for row in rows]
    known = [each for each in courses if each is not None]
    return known, len(courses) - len(known)


def _course(prints: Prints, row: PrintRow, said: list[FeedbackRow]) -> Course | None:
    """A stored print as its scores tell it; None if nobody knows how it went, or it has no scores."""
    points = tuple(prints.certainties(row))
    if not points:
        return None
    during = [each for each in said if row.started <= each.t_picture <= (row.ended or row.started)]
    missed = [each.t_picture - row.started for each in during if each.label == MISSED]
    events = prints.events(row)
    if ended_well(row, events, said):
        return Course(str(row.id), points)
    alarmed = any(event.kind == "failing" for event in events)
    believed = alarmed and not any(each.label == FALSE_ALARM for each in during)
    if not missed and row.good is not False and not (believed and row.outcome in ("cancelled", "failed")):
        return None
    first = next((t for t, certainty in points if certainty is not None and certainty >= SUSPECT), 0.0)
    return Course(str(row.id), points, min(missed, default=first))
