"""The hub, put together: builds the parts, starts them in order and stops them in reverse. No logic."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from agent.clock import next_boot
from agent.private_file import kept_secret
from agent.session import Message, Session
from hub import access, announcer
from hub.access import Kind, Principal
from hub.accounts import AccountParts, Accounts
from hub.announcer import Announcer
from hub.broker.directory import HUB
from hub.broker.embedded import EmbeddedBroker
from hub.broker.ports import EmbeddedPort, chosen_port
from hub.broker.settings import BrokerSettings
from hub.commands import CommandDesk
from hub.credentials import Credentials
from hub.enrolment import Enrolments
from hub.enrolment_server import EnrolmentServer
from hub.exposition import Histogram
from hub.films import Films
from hub.ingest import Ingest
from hub.intents import IntentDesk, IntentParts
from hub.isolation import attack
from hub.isolation_watch import IsolationWatch
from hub.judge import Judge, Judgement, local_minute
from hub.live import Live
from hub.metrics import DECISION_BOUNDS, Metrics
from hub.notify.actions import Actions
from hub.notify.courier import Courier, CourierParts
from hub.notify.desk import DeskParts, PersonNotify, tell_administrators
from hub.notify.targets import Sender
from hub.outcomes import Outcomes
from hub.pace import Pace
from hub.print_views import PrintParts
from hub.prints import PrintKeeper, model_mark
from hub.registrar import Address, EnrolmentAddress, PrinterRegistrar
from hub.replays import Replays
from hub.settings import HubSettings
from hub.sharing import PersonSharing, SharingParts
from hub.slots import Slots
from hub.store.audit import Audit
from hub.store.confirmations import Confirmations
from hub.store.database import Database
from hub.store.history import History
from hub.store.notify import NotifyStore
from hub.store.people import People
from hub.store.printers import Printers
from hub.store.prints import Prints
from hub.store.sharing import Sharing
from hub.store.trials import TrialStore
from hub.timelapse import Timelapse
from hub.timer import Timer
from hub.tls import ListenerTls
from hub.trials import TrialParts, Trials
from hub.unwatched import Unwatched
from hub.views import Parts, UserView
from hub.vision import Detector, read_model, shipped_model, workers
from hub.workers import Workers

CONNECT_S = 20.0

log = logging.getLogger(__name__)


class HubError(RuntimeError):
    """The hub cannot start; the text says why and what to do."""


class Hub:
    """Everything but the viewer. `broker_settings` overrides the file that the settings name."""

    isolation: IsolationWatch
    session: Session
    ingest: Ingest
    timer: Timer
    courier: Courier

    def __init__(self, settings: HubSettings, broker_settings: BrokerSettings | None = None) -> None:
        self.settings = settings
        data = settings.hub.data
        self.database = Database(data / "hub.db")
        self.people, self.printers = People(self.database), Printers(self.database)
        self.history, self.audit = History(self.database, data / "evidence"), Audit(self.database)
        self.prints = Prints(self.database, data / "evidence")
        self.trial_store = TrialStore(self.database)
        self.live, self.slots = Live(), Slots()
        self.credentials, self.shares = Credentials(self.printers), Sharing(self.database)
        self._sharing_parts = SharingParts(
            self.people, self.printers, self.credentials, self.shares, self.audit
        )
        self.detector = Detector(
            read_model(Path(settings.detection.model) if settings.detection.model else shipped_model()),
            settings.detection.precision,
        )
        self.tls = ListenerTls(settings.hub)
        self._broker_settings = broker_settings
        self.decisions = Histogram(
            "printwarden_decision_seconds", "From a frame's arrival to its judgement.", DECISION_BOUNDS
        )
        self.metrics = Metrics(self)
        self.notify_store = NotifyStore(self.database)
        self._notify_parts = DeskParts(self.notify_store, self.printers, self.audit, wake=self._wake_courier)
        self._stops: list[tuple[str, object]] = []

    def start(self) -> None:
        """Start every part; raises an error that says what is wrong, with everything stopped again."""
        try:
            self._start_store()
            self._start_broker()
            self._build()
            self._start_watching()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop what was started, last first; nothing that was settled is lost."""
        for name, part in reversed(self._stops):
            began = time.monotonic()
            part.stop()  # type: ignore[attr-defined]
            log.debug("stopped %s in %.2f s", name, time.monotonic() - began)
        self._stops.clear()

    def view(self, person: str, session: str = "") -> UserView:
        """The hub through the eyes of one person."""
        return UserView(self._parts, person, session)

    def sharing(self, person: str, session: str = "") -> PersonSharing:
        """What one person lets others do."""
        return PersonSharing(self._sharing_parts, person, session)

    def accounts(self, person: str, session: str = "") -> Accounts:
        """Everybody's account in the hands of one administrator."""
        parts = AccountParts(
            self.people, self.printers, self.audit, self.registrar, changed=self.credentials.reload
        )
        return Accounts(parts, person, session)

    def notify(self, person: str, session: str = "") -> PersonNotify:
        """What one person is told of, and where."""
        return PersonNotify(self._notify_parts, person, session)

    def note_sign_in(self, person: str, action: str, detail: str) -> None:
        """Write into the audit log who came in, or tried to."""
        self.audit.add(time.time(), person, action, detail=detail)

    def health(self) -> dict[str, object]:
        """Facts for `/healthz`: no names, no secrets."""
        return self.metrics.health()

    # Inside: three stages, each needs the one before

    def _start_store(self) -> None:
        self.settings.hub.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._begin("store", self.database)
        self.credentials.start()
        self.detector.start()

    def _start_broker(self) -> None:
        self.tls.start()
        self.port = chosen_port(
            self.settings.broker, self._broker_settings, self.credentials, self.tls, self._audit_broker
        )
        self.credentials.on_revoked, self.credentials.on_admitted = self.port.revoked, self.port.admitted
        self.isolation = IsolationWatch(
            lambda: attack(self.port.own(), self.port.provision), self._isolation_alarm
        )
        self._begin("broker", self.port)
        self._begin("isolation", self.isolation)

    @property
    def broker(self) -> EmbeddedBroker:
        """The embedded broker; raises HubError when another one is in use."""
        if not isinstance(self.port, EmbeddedPort):
            raise HubError("the embedded broker is not in use")
        return self.port.broker

    def _build(self) -> None:
        confirmations = Confirmations(self.database, self.printers)
        enrolments = Enrolments(self.printers, confirmations, self.audit)
        self.registrar = PrinterRegistrar(
            self.people, self.printers, self.history, enrolments, self.credentials, self.live
        )
        self.pace = Pace(self.settings.pace, self._key_of, self._publish)
        self.announcer = Announcer(
            self.printers,
            self.credentials,
            self.live,
            self._publish,
            self._settle,
            self.settings.homeassistant.discovery,
        )
        self.outcomes = Outcomes(
            self.history, self.live, self.pace, self.detector.facts(), self.announcer.tell
        )
        self.unwatched = Unwatched(self.outcomes.unwatched)
        self.registrar.leaving, self.registrar.dropped = self.announcer.withdraw, self._dropped
        self.outcomes.listeners.append(self.announcer.event)
        self.outcomes.pictures.append(self.announcer.detection)
        self.judge = Judge(self.live, self.registrar.settings_of, self._judged, minute=local_minute)
        self.print_keeper = PrintKeeper(
            self.prints, self.live, self.judge, model_mark(self.detector.model.folder), self.outcomes.event
        )
        self.desk = CommandDesk(
            self.history,
            self.live,
            self._key_of,
            self._publish,
            self.outcomes.command_ended,
            self.outcomes.strange_command,
            self.registrar.settings_of,
        )
        self.intents = IntentDesk(
            IntentParts(
                key_of=self._key_of,
                principal_of=self.credentials.principal,
                isolated=lambda: self.isolation.held,
                settings_of=self.registrar.settings_of,
                order=self.desk.order,
                dismiss=self.registrar.dismiss,
                test=lambda printer, who: self.trial_store.ask(printer, who, time.time()),
                change=self.registrar.change_settings,
                refused=self.outcomes.intent_refused,
                note=lambda who, action, printer, detail: self.audit.add(
                    time.time(), who, action, printer, detail
                ),
            )
        )
        self.ingest = Ingest(
            self.printers,
            self.live,
            self.slots,
            self.desk.acknowledged,
            self.outcomes.message_refused,
            self.intents.receive,
            self.registrar.promote,
        )
        self.outcomes.desk, self.outcomes.judge = self.desk, self.judge
        registrar = self.registrar
        registrar.ingest, registrar.judge, registrar.pace = self.ingest, self.judge, self.pace
        registrar.broker, registrar.door = self._broker_address, self._door
        self.replays = Replays(
            self.detector, self.detector.model.warn, self.settings.pace, self.history.picture
        )
        self.courier, self.actions = self._notifier()
        self.outcomes.listeners.append(self.courier.wake)
        self._parts = Parts(
            self.printers,
            self.history,
            self.audit,
            self.live,
            self.desk,
            registrar,
            prints=PrintParts(self.prints, self.print_keeper, self.trial_store, self.replays),
        )

    def _notifier(self) -> tuple[Courier, Actions]:
        key = kept_secret(self.settings.hub.data / "notify.key")
        parts = CourierParts(
            self.notify_store,
            self.printers,
            self.history,
            Sender(self.settings.notify.allow_private),
            key,
            self.settings.web.public_url,
        )
        return Courier(parts), Actions(self.notify_store, self.prints, self.view, key)

    def _start_watching(self) -> None:
        parts = TrialParts(
            detector=self.detector,
            region_at=self.detector.model.warn,
            pace=self.settings.pace,
            settings_of=self.registrar.settings_of,
            desk=self.desk,
            command=self.history.command,
            live=self.live,
            event=self.outcomes.event,
        )
        self.trials = Trials(self.trial_store, parts)
        self.ingest.start()
        self.print_keeper.start(row.id for row in self.printers.all())
        self._start_films()
        self.desk.start()
        self.pace.begin(next_boot(self.settings.hub.data / "run", time.time()))
        count = self.settings.detection.workers or workers()
        region_at = self.detector.model.warn
        self.workers = Workers(self.slots, self.detector, self.judge, self.live, count, region_at)
        self._begin("detection", self.workers)
        self._begin("replays", self.replays)
        self.session = self._connect()
        self.announcer.connected()
        self._begin("announcer", self.announcer)
        self._begin("notifications", self.courier)
        self.timer = Timer(self)
        self._begin("timer", self.timer)
        section = self.settings.hub
        self.registrar.changed = self.isolation.soon
        self.registrar.settle()
        self.enrolment_server = EnrolmentServer(
            section.enrolment_host,
            section.enrolment_port,
            self.tls.context,
            self.registrar.routes(),
        )
        self._begin("enrolment", self.enrolment_server)

    def _start_films(self) -> None:
        section, told = self.settings.timelapse, self.outcomes.event
        pictures = Timelapse(section, self.prints, self.history, self.live, told)
        self._begin("timelapse", pictures)
        evidence = self.settings.hub.data / "evidence"
        self._begin("films", Films(section, self.prints, self.history, evidence, told))

    def _connect(self) -> Session:
        principal = Principal(Kind.HUB, HUB)
        up = threading.Event()

        def connected(number: int) -> None:
            up.set()
            if number > 1:
                self.announcer.connected()

        session = Session(
            self.port.own(),
            username=HUB,
            token=self.port.provision.add(principal),
            client_id=HUB,
            filters=access.grants(principal).receive,
            on_message=self._received,
            on_up=connected,
            on_down=lambda why: log.warning("the hub lost its broker: %s", why),
            will=lambda _number: announcer.will(),
        )
        self._begin("session", session)
        if not up.wait(CONNECT_S):
            raise HubError("the hub cannot log in to its own broker")
        return session

    def _broker_address(self) -> Address:
        public = self.port.public()
        return Address(public.host or self.settings.hub.names[0], public.port, public.ca)

    def _door(self) -> EnrolmentAddress:
        port, tls = self.enrolment_server.port, self.tls
        return EnrolmentAddress(self.settings.hub.names[0], port, tls.authority, tls.fingerprint)

    def renew_certificate(self) -> None:
        """Show agents a new certificate, if the one they are shown is soon over or its files have changed."""
        self.tls.keep_fresh(lambda mark: self.audit.add(time.time(), "hub", "certificate", detail=mark))

    def _wake_courier(self) -> None:
        self.courier.wake()

    def _isolation_alarm(self, text: str) -> None:
        self.audit.add(time.time(), "hub", "isolation", detail=text)
        if "notifications" in dict(self._stops):  # else it does not start, and says so
            tell_administrators(self.notify_store, self.people, f"isolation is broken: {text}", time.time())

    def _dropped(self, printer: str) -> None:
        self.outcomes.forget(printer)
        self.unwatched.forget(printer)

    def _judged(self, judgement: Judgement) -> None:
        self.decisions.observe(time.monotonic() - judgement.scored.received)
        self.print_keeper.judged(judgement)
        self.outcomes.decided(judgement)

    def _received(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == announcer.BIRTH:
            self.announcer.birth(payload)
        else:
            self.ingest.receive(topic, payload, retained)

    def _publish(self, message: Message) -> None:
        self.session.publish(message)

    def _settle(self, message: Message, timeout: float) -> bool:
        return self.session.settle(message, timeout)

    def _key_of(self, printer: str) -> bytes | None:
        return self.ingest.key_of(printer)

    def _audit_broker(self, event: str, username: str, detail: str) -> None:
        """Refusals go into the audit log, except those that the hub's own attack on itself provokes."""
        if not self.isolation.attacking:
            self.audit.add(time.time(), username, event, detail=detail)

    def _begin(self, name: str, part: object) -> None:
        part.start()  # type: ignore[attr-defined]
        self._stops.append((name, part))
