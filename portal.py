"""The front door: the web application and the command line."""

from __future__ import annotations

import database  # first: it decides which drivers Peewee finds

# isort: split
import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from peewee import PeeweeException

import blueprints
import environ
import logs
import migrations
import processes
import startup
import theming
from billing import access, connections, dates, doctor, history, imports, people, settings, sign_ins
from billing.errors import Refusal
from blueprints import assets
from documents import glyphs
from environ import Environ
from models import BillingGroup, Person, Staff
from sandbox.server import run as run_sandbox
from workers import queue

WEB_PROCESSES, WEB_THREADS = 2, 4


# --- The web application ----------------------------------------------------------------------------------------------


def create_app(env: Environ | None = None) -> Flask:
    """The application. Without an environment it is a process's own: reads it and makes everything ready."""
    env = env or startup.make_ready("web")
    app = Flask("portal", root_path=str(processes.ROOT), static_folder=None, template_folder=None)
    theming.install(app, env)
    assets.install(app, env)
    app.config["RATELIMIT_STORAGE_URI"], app.config["RATELIMIT_STORAGE_OPTIONS"] = queue.for_limits(env)
    blueprints.register(app, env)
    app.wsgi_app = logs.access_line(app.wsgi_app)  # type: ignore[method-assign]  # how WSGI middleware is put around it
    return app


# --- The command line -------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Whatever hinders it is one line on stderr and exit code 1."""
    given = _parser().parse_args(arguments)
    if getattr(given, "port", None) is not None:
        os.environ["PORT"] = str(given.port)
    try:
        run: Callable[[argparse.Namespace], int | None] = given.run
        return run(given) or 0
    except (startup.CannotStart, processes.CannotStart, environ.BadEnvironment, Stop) as error:
        return _fail(str(error))
    except Refusal as error:
        return _fail(f"refused: {error}")
    except PeeweeException as error:
        return _fail(f"the database cannot be used: {error}")
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        return _fail("stopped")


class Stop(Exception):
    """A command cannot do what it was asked; the message is one line for the operator."""


def _fail(text: str) -> int:
    print(f"portal.py: {logs.cut(' '.join(text.split()))}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="portal.py", description="Tillhouse: a portal where customers pay invoices.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int | None], help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run, command=name)
        return added

    demo = command("demo", _supervise, "the demo merchant: seeds once, starts everything, prints sign-in links")
    demo.add_argument("--port", type=int)
    init = command("init", _init, "the first run: data folder, keys, database, first staff member")
    for name in ("--email", "--name", "--currency", "--timezone"):
        init.add_argument(name)
    serve = command("serve", _supervise, "Redis (if private), web, worker and clock together")
    web = command("web", _web, "the web server alone")
    for parts in (serve, web):
        parts.add_argument("--host", default="127.0.0.1")
        parts.add_argument("--port", type=int)
    command("worker", _back_office, "the worker alone")
    command("clock", _back_office, "the clock alone")
    sandbox = command("sandbox", _sandbox, "the pretend payment provider alone")
    sandbox.add_argument("--port", type=int, dest="sandbox_port", default=0)
    migrate = command("migrate", _migrate, "bring the database up to date")
    migrate.add_argument(
        "--starting", action="store_true", help="as serve and demo do: say nothing, end a demo's links"
    )
    staff = command("staff", _staff, "the merchant's people: each prints a sign-in link")
    staff.add_argument("what", choices=("add", "link", "reset"))
    staff.add_argument("email")
    link = command("link", _link, "print a customer's sign-in link")
    link.add_argument("email")
    link.add_argument("--group", metavar="N", help="the billing group's id, to make the person a member of it")
    take_in = command("import", _import, "take in invoices: CSV, UBL, CII, Factur-X")
    take_in.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    take_in.add_argument("--dry-run", action="store_true", help="say what would happen; change nothing")
    command("doctor", _doctor, "say what is well and what is not")
    return parser


def _supervise(given: argparse.Namespace) -> int:
    """Give this process to the supervisor, which needs a tenth of what was imported here."""
    environ.read()  # a variable that cannot be used is said now
    arguments = [given.command, "--host", getattr(given, "host", "127.0.0.1")]
    if given.port is not None:
        arguments += ["--port", str(given.port)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, str(processes.ROOT / "processes.py"), *arguments])


def _back_office(given: argparse.Namespace) -> int:
    os.environ["PYTHONPATH"] = os.pathsep.join(
        part for part in (str(processes.ROOT), os.environ.get("PYTHONPATH")) if part
    )
    os.execv(sys.executable, [sys.executable, "-m", "workers", given.command])


def _web(given: argparse.Namespace) -> int:
    env = startup.make_ready("web")
    startup.check_database(env)
    database.close()
    processes.free_port(given.host, env.port)
    if not queue.answers():
        print("portal.py: Redis does not answer; pages work, jobs wait until it does", file=sys.stderr)
    app = create_app(env)  # here, so that what is wrong is said once, and the processes share what was loaded

    gc.collect()
    gc.freeze()  # the collector would write to, and so copy, every page the processes share

    def of_child() -> Any:
        processes.die_with_parent()
        # Ctrl-C reaches the whole group; a child that ends by itself would be taken for a crash and started again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        return app

    Granian(
        "portal:create_app",
        address=given.host,
        port=env.port,
        interface=Interfaces.WSGI,
        workers=WEB_PROCESSES,
        blocking_threads=WEB_THREADS,
        respawn_failed_workers=True,
        workers_kill_timeout=15,
        log_level=LogLevels.warning,
        factory=True,
    ).serve(target_loader=of_child, wrap_loader=False)
    return 0


def _sandbox(given: argparse.Namespace) -> int:
    env = startup.make_ready("sandbox")
    processes.free_port("127.0.0.1", given.sandbox_port)

    def ready(url: str) -> None:
        env.sandbox_file.write_text(url + "\n")
        with suppress(startup.CannotStart):  # without a database yet: whoever finds the address later sees to it
            startup.check_database(env)
        database.close()

    run_sandbox(
        env.home / "sandbox",
        port=given.sandbox_port,
        secret=connections.sandbox_secret(),
        webhook_url=f"http://127.0.0.1:{env.port}/hooks/{connections.SANDBOX}",
        ready=ready,
        die_with_parent=True,
        clock=dates.now,
    )
    return 0


def _migrate(given: argparse.Namespace) -> int:
    env = startup.make_ready("migrate")
    startup.connect(env)
    if newer := migrations.unknown():
        raise Stop(f"the database was used by a newer version of this program: {', '.join(newer)}")
    names = migrations.bring_up()
    if given.starting:
        sign_ins.end_reusable(now=dates.now())
    else:
        print("\n".join(names) if names else "the database is up to date")
    return 0


def _init(given: argparse.Namespace) -> int:
    env = startup.make_ready("init")
    startup.connect(env)
    migrations.bring_up()
    now = dates.now()
    first = Staff.select().order_by(Staff.id).first()
    asked = {
        "currency": given.currency or (None if first else _ask("Currency", settings.load().currency)),
        "timezone": given.timezone or (None if first else _ask("Time zone", settings.load().timezone)),
        "business_name": None if first else given.name or _ask("Name of the business", settings.load().business_name),
    }
    settings.save({name: value for name, value in asked.items() if value}, by=history.COMMAND, now=now)
    if first is None:
        email = given.email or _ask("Your e-mail address", "")
        first = _known(lambda: people.make_staff(email, by=history.COMMAND, now=now), email)
    elif given.email and people.staff_by_email(given.email) is None:
        raise Stop(f"this portal has its first staff member: use portal.py staff add {given.email}")
    print(f"merchant  {first.email}  {sign_ins.for_command(first, now=now)}")
    return 0


def _ask(question: str, default: str) -> str:
    if not sys.stdin.isatty():
        if default:
            return default
        raise Stop(f"{question.lower()} is needed: give it as an option (portal.py init --help)")
    answer = input(f"{question} [{default}]: " if default else f"{question}: ").strip() or default
    return answer if answer else _ask(question, default)


def _known(make: Callable[[], Any], email: str) -> Any:
    try:
        return make()
    except ValueError:
        raise Stop(f"{email} is not an e-mail address") from None


def _staff(given: argparse.Namespace) -> int:
    startup.check_database(startup.make_ready("staff"))
    now = dates.now()
    if given.what == "add":
        member = _known(lambda: people.make_staff(given.email, by=history.COMMAND, now=now), given.email)
    else:
        member = people.staff_by_email(given.email)
        if member is None:
            raise Stop(f"{given.email} is not one of your staff")
    if given.what == "reset":
        sign_ins.reset(member, by=history.COMMAND, now=now)
    elif access.is_locked(member, now, settings.load()):
        raise Stop(f"{member.email} is locked out after too many wrong passwords: portal.py staff reset {member.email}")
    print(f"merchant  {member.email}  {sign_ins.for_command(member, now=now)}")
    return 0


def _link(given: argparse.Namespace) -> int:
    startup.check_database(startup.make_ready("link"))
    now = dates.now()
    if given.group is not None:
        named = BillingGroup.public_id == given.group
        if given.group.isascii() and given.group.isdigit() and len(given.group) < 10:
            named |= BillingGroup.id == int(given.group)
        group = BillingGroup.get_or_none(named)
        if group is None:
            raise Stop(f"there is no billing group {given.group}")
        person = _known(lambda: people.make_member(given.email, group, "pay", by=history.COMMAND, now=now), given.email)
    else:
        person = people.person_by_email(given.email) or _let_in_by_rule(given.email, now)
    if person is not None and access.is_locked(person, now, settings.load()):
        raise Stop(f"{person.email} is locked out after too many wrong passwords: unlock them under Customers")
    if person is None or not access.may_sign_in(person, now):
        raise Stop(f"{given.email} is nobody who may sign in")
    print(f"customer  {person.email}  {sign_ins.for_command(person, now=now)}")
    return 0


def _let_in_by_rule(email: str, now: datetime) -> Person | None:
    """Whom an access rule names and who never came: they are a person from now on."""
    folded = _known(lambda: people.fold(email), email)
    if not access.is_allowed(folded, now, settings.load()):
        return None
    with database.transaction():
        person: Person = people.make_person(folded, by=history.COMMAND, now=now)
    return person


def _import(given: argparse.Namespace) -> int:
    startup.check_database(startup.make_ready("import"))
    for path in given.paths:
        if not path.exists():
            raise Stop(f"{path}: there is no such file or folder")

    def report(result: imports.Result) -> None:
        print(result.text, flush=True)

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total} ", end="", file=sys.stderr, flush=True)

    now = dates.now()
    counts = imports.run(
        given.paths, dry_run=given.dry_run, by=history.COMMAND, now=now, report=report, progress=progress
    )
    print(imports.summary(counts))
    return 1 if counts.get(imports.Outcome.REFUSED) else 0


def _doctor(given: argparse.Namespace) -> int:
    env = startup.make_ready("doctor")
    try:
        startup.connect(env)
    except startup.CannotStart as error:
        findings = [doctor.Finding(doctor.FAIL, "database", "%(reason)s", {"reason": error})]
    else:
        findings = doctor.check(dates.now(), env=env, lacking=migrations.pending(), undrawable=glyphs.missing)
    for finding in findings:
        print(f"{finding.level:<4}  {finding.name}  {finding.words}")
    return 1 if doctor.worst(findings) == doctor.FAIL else 0


if __name__ == "__main__":
    sys.modules["portal"] = sys.modules["__main__"]  # the web server names it so
    sys.exit(main())
