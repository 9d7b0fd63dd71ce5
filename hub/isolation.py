"""The hub attacks itself: real connections try to cross two throw-away tenants on the broker really in use.

Each tenant is an agent and an integration that may control its printer, as Home Assistant would. An attack counts as
held only when the owner's own traffic arrived in the same run: a broker that delivers nothing proves nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from agent import topics
from agent.endpoint import Endpoint
from hub.access import DISCOVERY, Kind, Principal, Right, discovery_node
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
    """Try to cross two throw-away tenants; takes a few seconds and leaves nothing behind.

    `provision` is given their agents and integrations and a hub of their own to witness what arrives. A broker that
    cannot be reached or does not deliver gives a report that is not held; errors of `provision` itself are raised.
    """
    with _cast(endpoint, provision, patience) as scene:
        return Report(tuple(scene.run()))


@contextmanager
def _cast(endpoint: Endpoint, provision: Provision, patience: float) -> Iterator[_Scene]:
    """The scene with its principals provisioned, and removed again whatever happens."""
    owner, thief = (Principal(Kind.AGENT, secrets.token_hex(16)) for _ in range(2))
    ally, rival = (
        Principal(Kind.INTEGRATION, secrets.token_hex(8), {printer.id: Right.CONTROL})
        for printer in (owner, thief)
    )
    witness = Principal(Kind.HUB, secrets.token_hex(8))
    with ExitStack() as stack:
        tokens = {}
        for principal in (owner, thief, ally, rival, witness):
            stack.callback(provision.remove, username(principal))
            tokens[username(principal)] = provision.add(principal)
        names = dict(zip(("owner", "thief", "ally", "rival", "witness"), tokens, strict=True))
        scene = _Scene(endpoint, provision, tokens, patience=patience, **names)
        stack.callback(scene.close)
        yield scene


@dataclass
class _Scene:
    """An owner's and a thief's agent and integration (ally, rival), a witness with the hub's rights, and what is tried.

    A user name stands for each; an agent's is its printer's id too.
    """

    endpoint: Endpoint
    provision: Provision
    tokens: dict[str, str]
    patience: float
    owner: str
    thief: str
    ally: str
    rival: str
    witness: str
    probes: dict[str, Probe] = field(default_factory=dict, init=False)

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
        """A fresh connection of one of them, in place of its last one; raises Gone when it is refused."""
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
        probe.subscribe(*(each(self.owner) for each in watched))
        probe.subscribe(f"{topics.ROOT}/+/up/frame/+", f"{topics.ROOT}/+/intent/+")
        return probe

    def enter_ally(self) -> Probe:
        """The owner's integration, which sees what only the hub may write for it."""
        probe = self.enter(self.ally)
        base = f"{topics.ROOT}/{self.owner}"
        probe.subscribe(f"{base}/up/state", f"{base}/out/#", f"{DISCOVERY}/+/+/config")
        probe.subscribe(topics.hub("status"), topics.hub(self.ally[2:]))
        return probe

    def traffic(self) -> list[Publish]:
        """What owner, ally and witness got before fresh messages between them, which have to arrive."""
        mark, wish = (secrets.token_hex(8).encode() for _ in range(2))
        owner, ally, witness = (self.probes[each] for each in (self.owner, self.ally, self.witness))
        witness.publish(topics.command(self.owner), mark)
        seen = owner.until(mark)
        owner.publish(topics.state(self.owner), mark)
        seen += ally.until(mark) + witness.until(mark)
        ally.publish(self.wish(self.ally), wish)
        return seen + witness.until(wish)

    def wish(self, integration: str) -> str:
        """Where an integration says what it wants of the owner's printer."""
        return topics.intent(self.owner, integration[2:])

    def expect_clean(self, mark: bytes, what: str, before: list[Publish] | None = None) -> None:
        """Raises Crossed when something with the thief's mark got through, now or `before`."""
        for message in (before or []) + self.traffic():
            if mark in message.payload:
                how = "was kept" if message.retain else "got through"
                raise Crossed(f"{what} {how} on {self.shown(message.topic)}")

    def shown(self, topic: str) -> str:
        return topic.replace(self.owner, "<other printer>").replace(self.ally[2:], "<its integration>")

    def kind(self, name: str) -> str:
        return "an integration" if name == self.rival else "an agent"

    @property
    def thieves(self) -> tuple[str, str]:
        return self.thief, self.rival

    # the attempts

    def control(self) -> str:
        self.enter_witness()
        self.enter_owner()
        self.enter_ally()
        for each in self.thieves:
            self.enter(each)
        self.traffic()
        return "commands, states and intents of the printer itself arrive"

    def no_login(self) -> str:
        tries = (
            ("nobody", None, None),
            ("a user name without a password", self.owner, None),
            ("a wrong password", self.owner, "wrong"),
            ("another printer's password", self.owner, self.tokens[self.thief]),
            ("an unknown user name", secrets.token_hex(16), self.tokens[self.thief]),
            ("an integration's password", self.owner, self.tokens[self.ally]),
            ("another integration's password", self.ally, self.tokens[self.rival]),
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
            topics.hub(self.ally[2:]),
            self.discovery(),
            *(self.wish(self.ally), self.wish(self.rival)),
        ]

    def discovery(self) -> str:
        """Where the owner's integration is told of the printer."""
        return f"{DISCOVERY}/device/{discovery_node(self.ally[2:], self.owner)}/config"

    def publish(self) -> str:
        for name in self.thieves:
            mark, thief = secrets.token_hex(8).encode(), self.probes[name]
            for topic in self.targets():
                for qos in (0, 1):
                    thief.publish(topic, mark, qos)
            thief.ping()
            self.expect_clean(mark, f"a message of {self.kind(name)} to another printer")
        return "messages to another printer go nowhere"

    def retained(self) -> str:
        for name in self.thieves:
            mark = secrets.token_hex(8).encode()
            for topic in self.targets():
                self.probes[name].publish(topic, mark, retain=True)
            self.expect_clean(
                mark, f"a retained message of {self.kind(name)} to another printer", self._replayed()
            )
        return "nothing of it was kept"

    def _replayed(self) -> list[Publish]:
        """What the owner's side is sent when it comes back, up to messages that have to be kept."""
        kept = secrets.token_hex(8).encode()
        writers = (
            (self.witness, topics.want(self.owner)),
            (self.owner, topics.status(self.owner)),
            (self.witness, topics.out(self.owner, "verdict")),
        )
        for writer, topic in writers:
            self.probes[writer].publish(topic, kept, retain=True)
        probes = (self.enter_owner(), self.enter_witness(), self.enter_ally())
        replayed = [message for probe in probes for message in probe.until(kept)]
        for writer, topic in writers:
            self.probes[writer].publish(topic, b"", retain=True)
        return replayed

    def subscribe(self) -> str:
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
        filters += [f"{base}/out/#", f"{topics.ROOT}/+/intent/+", self.discovery(), f"{DISCOVERY}/+/+/config"]
        filters += [f"{topics.ROOT}/hub/#", topics.hub(self.ally[2:])]
        granted = [
            each
            for name in self.thieves
            for each in filters
            if self.probes[name].subscribe(each)[0] != DENIED
        ]
        theirs = (topics.out(self.owner, "verdict"), topics.hub(self.ally[2:]), self.discovery())
        for topic in theirs:
            self.probes[self.witness].publish(
                topic, b""
            )  # which means nothing to a Home Assistant that sees it
        self.traffic()
        for name in self.thieves:
            messages = self.probes[name].messages()
            if found := [each for each in messages if self.owner in each.topic or each.topic in theirs]:
                raise Crossed(f"{self.kind(name)} read {self.shown(found[0].topic)} of another printer")
            self.probes[name].unsubscribe(*filters)
        silent = (
            f"; {len(granted)} of {2 * len(filters)} were acknowledged but got nothing" if granted else ""
        )
        return f"every filter that reaches another printer is refused{silent}"

    def broker_topics(self) -> str:
        filters = ("$SYS/#", "$CONTROL/#", f"{CONTROL}/response", "$share/thieves/$SYS/#")
        for thief in (self.probes[each] for each in self.thieves):
            for each in filters:
                thief.subscribe(each)
            thief.publish(CONTROL, b'{"commands":[{"command":"listClients"}]}')
            thief.publish("$SYS/broker/uptime", b"0")
        self.traffic()
        for name in self.thieves:
            if found := [each for each in self.probes[name].messages() if each.topic.startswith("$")]:
                raise Crossed(f"{self.kind(name)} may read {found[0].topic}")
        return "neither read nor written"

    def will(self) -> str:
        mark = secrets.token_hex(8).encode()
        refused = 0
        wills = [(self.thief, topic) for topic in self.targets()[:5]]
        wills += [(self.rival, topic) for topic in self.targets()[-5:]]
        for name, topic in wills:
            for retain in (False, True):
                try:
                    self.enter(name, Will(topic, mark, 1, retain)).close()
                except Gone:
                    refused += 1
        for name in self.thieves:
            self.enter(name)  # by now every will of its earlier connections was published, if it ever is
        self.expect_clean(mark, "a will on another printer")
        self._own_will_fires()
        return f"{refused} of {2 * len(wills)} refused at login, none was published"

    def _own_will_fires(self) -> None:
        """The control: a printer's own will has to arrive."""
        mark = secrets.token_hex(8).encode()
        self.enter(self.owner, Will(topics.status(self.owner), mark, 1, retain=False)).close()
        self.probes[self.witness].until(mark)
        self.enter_owner()

    def take_over(self) -> str:
        for name, victim in ((self.thief, self.owner), (self.rival, self.ally)):
            for clean in (True, False):
                self._take_over(name, victim, clean=clean)
        return "the printer whose client id was used goes on being served"

    def _take_over(self, name: str, victim: str, *, clean: bool) -> None:
        with Probe(self.endpoint, self.patience) as probe:
            code = probe.try_connect(name, self.tokens[name], victim, clean=clean)
            try:
                self.traffic()
            except (Gone, TimeoutError):
                raise Crossed("another one's client id cut its connection") from None
            if code == 0 and any(self.owner in each.topic for each in probe.messages()):
                raise Crossed("another one's client id brought its messages")

    def revoked(self) -> str:
        for name in self.thieves:
            thief = self.enter(name)
            self.provision.remove(name)
            try:
                thief.wait_gone()
            except TimeoutError:
                raise Crossed(f"a revoked credential of {self.kind(name)} stays connected") from None
            with Probe(self.endpoint, self.patience) as probe:
                if probe.try_connect(name, self.tokens[name], name) == 0:
                    raise Crossed(f"a revoked credential of {self.kind(name)} can log in")
        return "its connection ended at once and it cannot come back"
