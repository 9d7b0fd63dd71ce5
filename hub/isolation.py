"""The hub attacks itself: real connections try to cross two throw-away agents on the broker really in use.

An attack counts as held only when the owner's own traffic arrived in the same run: a broker that delivers nothing
proves nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from agent import topics
from agent.endpoint import Endpoint
from hub.access import DISCOVERY, Kind, Principal
from hub.broker.directory import Provision, username
from hub.broker.packets import Publish, Will
from hub.broker.probe import DENIED, Gone, Probe

PATIENCE = 8.0
CONTROL = "$CONTROL/dynamic-security/v1"


@dataclass(frozen=True)
class Finding:
    """What became of one attempt. `held` is False also when nothing could be concluded; `detail` says it in words."""

    name: str
    held: bool
    detail: str


@dataclass(frozen=True)
class Report:
    """Everything that was tried."""

    findings: tuple[Finding, ...]

    @property
    def held(self) -> bool:
        """Whether every attempt failed and every control worked."""
        return bool(self.findings) and all(each.held for each in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """What did not hold."""
        return tuple(each for each in self.findings if not each.held)

    def __str__(self) -> str:
        return "\n".join(
            f"{'held' if each.held else 'FAILED'}  {each.name}: {each.detail}" for each in self.findings
        )


class Crossed(Exception):
    """An attempt succeeded."""


def attack(endpoint: Endpoint, provision: Provision, patience: float = PATIENCE) -> Report:
    """Try to cross two throw-away agents; takes a few seconds and leaves nothing behind.

    `provision` is given two agents and a hub of their own to witness what arrives. A broker that cannot be reached
    or does not deliver gives a report that is not held; errors of `provision` itself are raised.
    """
    with _cast(endpoint, provision, patience) as scene:
        return Report(tuple(scene.run()))


@contextmanager
def _cast(endpoint: Endpoint, provision: Provision, patience: float) -> Iterator[_Scene]:
    """The scene with its principals provisioned, and removed again whatever happens."""
    owner = Principal(Kind.AGENT, secrets.token_hex(16))
    thief = Principal(Kind.AGENT, secrets.token_hex(16))
    witness = Principal(Kind.HUB, secrets.token_hex(8))
    with ExitStack() as stack:
        tokens = {}
        for principal in (owner, thief, witness):
            stack.callback(provision.remove, username(principal))
            tokens[username(principal)] = provision.add(principal)
        scene = _Scene(endpoint, provision, tokens, owner.id, thief.id, username(witness), patience)
        stack.callback(scene.close)
        yield scene


@dataclass
class _Scene:
    """Two agents, a witness with the hub's rights, and what the thief tries."""

    endpoint: Endpoint
    provision: Provision
    tokens: dict[str, str]
    owner: str
    thief: str
    witness: str
    patience: float
    probes: dict[str, Probe] = field(default_factory=dict)

    def run(self) -> Iterator[Finding]:
        """Every attempt in turn; the first one that cannot be concluded because nobody can log in ends it."""
        opening = self._try("control", self.control)
        yield opening
        if not opening.held:
            return
        attempts: tuple[tuple[str, Callable[[], str]], ...] = (
            ("no login", self.no_login),
            ("publish", self.publish),
            ("retained", self.retained),
            ("subscribe", self.subscribe),
            ("broker topics", self.broker_topics),
            ("will", self.will),
            ("take-over", self.take_over),
            ("revoked", self.revoked),
        )
        for name, attempt in attempts:
            yield self._try(name, attempt)

    def _try(self, name: str, attempt: Callable[[], str]) -> Finding:
        try:
            return Finding(name, held=True, detail=attempt())
        except Crossed as crossed:
            return Finding(name, held=False, detail=str(crossed))
        except TimeoutError:
            return Finding(
                name, held=False, detail="inconclusive: the owner's own traffic did not arrive in time"
            )
        except OSError as error:
            return Finding(name, held=False, detail=f"inconclusive: {error or type(error).__name__}")

    # the cast

    def close(self) -> None:
        for each in self.probes.values():
            each.close()

    def enter(self, name: str, will: Will | None = None) -> Probe:
        """A fresh connection of one of the three, in place of its last one; raises Gone when it is refused."""
        if (old := self.probes.pop(name, None)) is not None:
            old.close()
        probe = self.probes[name] = Probe(self.endpoint, self.patience)
        code = probe.connect(name, self.tokens[name], name, will=will)
        if code:
            raise Gone(f"login refused with code {code}")
        return probe

    def enter_owner(self) -> Probe:
        probe = self.enter(self.owner)
        probe.subscribe(topics.command(self.owner), topics.want(self.owner))
        return probe

    def enter_witness(self) -> Probe:
        probe = self.enter(self.witness)
        watched = (topics.status, topics.state, topics.ack)
        probe.subscribe(*(each(self.owner) for each in watched), f"{topics.ROOT}/+/up/frame/+")
        return probe

    def traffic(self) -> list[Publish]:
        """What owner and witness got before a fresh message each way between them, which has to arrive."""
        mark = secrets.token_hex(8).encode()
        owner, witness = self.probes[self.owner], self.probes[self.witness]
        witness.publish(topics.command(self.owner), mark)
        seen = owner.until(mark)
        owner.publish(topics.state(self.owner), mark)
        return seen + witness.until(mark)

    def expect_clean(self, mark: bytes, what: str, before: list[Publish] | None = None) -> None:
        """Raises Crossed when something with the thief's mark got through, now or `before`."""
        for message in (before or []) + self.traffic():
            if mark in message.payload:
                how = "was kept" if message.retain else "got through"
                raise Crossed(f"{what} {how} on {self.shown(message.topic)}")

    def shown(self, topic: str) -> str:
        return topic.replace(self.owner, "<other printer>")

    # the attempts

    def control(self) -> str:
        self.enter_witness()
        self.enter_owner()
        self.enter(self.thief)
        self.traffic()
        return "commands and states of the printer itself arrive"

    def no_login(self) -> str:
        tries = (
            ("nobody", None, None),
            ("a user name without a password", self.owner, None),
            ("a wrong password", self.owner, "wrong"),
            ("another printer's password", self.owner, self.tokens[self.thief]),
            ("an unknown user name", secrets.token_hex(16), self.tokens[self.thief]),
        )
        for clean in (True, False):
            for who, name, password in tries:
                with Probe(self.endpoint, self.patience) as probe:
                    if probe.try_connect(name, password, self.owner, clean=clean) == 0:
                        raise Crossed(f"{who} was let in")
        self.traffic()
        return "refused, and the printer with that name noticed nothing"

    def targets(self) -> list[str]:
        each = self.owner
        return [
            *(
                topics.command(each),
                topics.want(each),
                topics.state(each),
                topics.status(each),
                topics.ack(each),
            ),
            *(topics.frame(each, "main"), topics.out(each, "verdict"), topics.hub("status")),
            f"{DISCOVERY}/device/{each}/config",
        ]

    def publish(self) -> str:
        mark = secrets.token_hex(8).encode()
        thief = self.probes[self.thief]
        for topic in self.targets():
            for qos in (0, 1):
                thief.publish(topic, mark, qos)
        thief.ping()
        self.expect_clean(mark, "a message to another printer")
        return "messages to another printer go nowhere"

    def retained(self) -> str:
        mark = secrets.token_hex(8).encode()
        thief = self.probes[self.thief]
        for topic in self.targets():
            thief.publish(topic, mark, retain=True)
        kept = secrets.token_hex(8).encode()
        self.probes[self.witness].publish(topics.want(self.owner), kept, retain=True)
        self.probes[self.owner].publish(topics.status(self.owner), kept, retain=True)
        owner, witness = self.enter_owner(), self.enter_witness()
        replayed = owner.until(kept) + witness.until(kept)
        self.probes[self.witness].publish(topics.want(self.owner), b"", retain=True)
        self.probes[self.owner].publish(topics.status(self.owner), b"", retain=True)
        self.expect_clean(mark, "a retained message to another printer", replayed)
        return "nothing of it was kept"

    def subscribe(self) -> str:
        thief = self.probes[self.thief]
        base = f"{topics.ROOT}/{self.owner}"
        filters = [
            "#",
            "+/#",
            "+/+/+/#",
            f"{topics.ROOT}/#",
            f"{topics.ROOT}/+/dn/cmd",
            f"{topics.ROOT}/+/up/state",
        ]
        filters += [f"{base}/#", f"{base}/dn/#", f"{base}/dn/cmd", f"{base}/up/state", f"{DISCOVERY}/#"]
        filters += [f"$share/thieves/{topics.ROOT}/#", f"$share/thieves/{base}/dn/cmd"]
        granted = [each for each in filters if thief.subscribe(each)[0] != DENIED]
        self.traffic()
        for message in thief.messages():
            if self.owner in message.topic:
                raise Crossed(f"read {self.shown(message.topic)} of another printer")
        thief.unsubscribe(*filters)
        silent = f"; {len(granted)} of {len(filters)} were acknowledged but got nothing" if granted else ""
        return f"every filter that reaches another printer is refused{silent}"

    def broker_topics(self) -> str:
        thief = self.probes[self.thief]
        filters = ("$SYS/#", "$CONTROL/#", f"{CONTROL}/response", "$share/thieves/$SYS/#")
        for each in filters:
            thief.subscribe(each)
        thief.publish(CONTROL, b'{"commands":[{"command":"listClients"}]}')
        thief.publish("$SYS/broker/uptime", b"0")
        self.traffic()
        if found := [each for each in thief.messages() if each.topic.startswith("$")]:
            raise Crossed(f"an agent may read {found[0].topic}")
        return "neither read nor written"

    def will(self) -> str:
        mark = secrets.token_hex(8).encode()
        refused = 0
        targets = self.targets()[:5]
        for topic in targets:
            for retain in (False, True):
                try:
                    self.enter(self.thief, Will(topic, mark, 1, retain)).close()
                except Gone:
                    refused += 1
        self.enter(self.thief)  # by now every will of its earlier connections was published, if it ever is
        self.expect_clean(mark, "a will on another printer")
        self._own_will_fires()
        return f"{refused} of {2 * len(targets)} refused at login, none was published"

    def _own_will_fires(self) -> None:
        """The control: a printer's own will has to arrive."""
        mark = secrets.token_hex(8).encode()
        self.enter(self.owner, Will(topics.status(self.owner), mark, 1, retain=False)).close()
        self.probes[self.witness].until(mark)
        self.enter_owner()

    def take_over(self) -> str:
        for clean in (True, False):
            with Probe(self.endpoint, self.patience) as probe:
                code = probe.try_connect(self.thief, self.tokens[self.thief], self.owner, clean=clean)
                try:
                    self.traffic()
                except (Gone, TimeoutError):
                    raise Crossed("another printer's client id cut its connection") from None
                if code == 0 and any(self.owner in each.topic for each in probe.messages()):
                    raise Crossed("another printer's client id brought its messages")
        return "the printer whose client id was used goes on being served"

    def revoked(self) -> str:
        thief = self.enter(self.thief)
        self.provision.remove(self.thief)
        try:
            thief.wait_gone()
        except TimeoutError:
            raise Crossed("a revoked credential stays connected") from None
        with Probe(self.endpoint, self.patience) as probe:
            if probe.try_connect(self.thief, self.tokens[self.thief], self.thief) == 0:
                raise Crossed("a revoked credential can log in")
        return "its connection ended at once and it cannot come back"
